import { boolean } from '../config/values.ts';
import type { Output } from './command.ts';

/** For commands whose output a script reads: standard output then holds one JSON value and nothing else. */
export const jsonField = { schema: boolean, boolean: true, description: 'print the result as JSON' } as const;

export const formatJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

export function printJson(output: Output, value: unknown): void {
  output.write(formatJson(value));
}
