// What a command is: data, from which parsing, help and completion come alike.

import type { Io } from './terminal.js';

export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  /** Placeholder of the value; absent: a switch, which `--no-NAME` turns off. */
  readonly value?: string;
  readonly help: string;
  /** A switch that is worth turning off: shown as `--[no-]NAME`. */
  readonly negatable?: boolean;
  /** May be given several times. */
  readonly many?: boolean;
}

export type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

export interface Parsed {
  readonly values: Values;
  readonly operands: readonly string[];
  /** Filter rules in gitignore form, in the order of the command line. */
  readonly filters: readonly { readonly option: string; readonly value: string }[];
}

/** Answers the exit status. */
export type CommandBody = (parsed: Parsed, io: Io) => number | Promise<number>;

export interface CommandSpec {
  readonly name: string;
  readonly purpose: string;
  /** Operands, such as `IMAGE [PATH]`. */
  readonly operands: string;
  readonly least: number;
  readonly most: number;
  readonly options: readonly OptionSpec[];
  readonly examples: readonly [string, string];
  /** Which operand is the image that messages speak of. */
  readonly imageOperand?: number;
  /** True if `--json` gives a line for each event, and not one document. */
  readonly hasEvents?: boolean;
  load(): Promise<{ readonly run: CommandBody }>;
}
