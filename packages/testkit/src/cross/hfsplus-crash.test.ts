// HFS+ on a bare disk that loses power: whatever arrived, there is one commit, sound, and both replays agree.

import { hfsplus } from '@tintype/hfsplus';
import { count } from '../seeds.js';
import { driverCrashSuite } from './driver-crash.testing.js';
import { expectSurvived } from './surviving.testing.js';

driverCrashSuite({
  driver: hfsplus,
  size: 8 << 20,
  expectSurvived,
  snapshots: 'none',
  thoroughEvery: { prefix: count(50, 10), loss: count(30, 10) },
});
