#!/usr/bin/env node
// The command itself takes a while to load.
import { endAtSignals } from '../bundle/early-signals.js';

endAtSignals();
await import('../bundle/main.js');
