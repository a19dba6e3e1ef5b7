import { expect, it } from 'vitest';
import type { UpstreamCallPart } from './read-chunk.ts';
import { createUpstreamCalls } from './upstream-calls.ts';

const part = (index: number | undefined, name: string, given = ''): UpstreamCallPart => ({ index, name, given });
const spell = (name: string, given: string): string =>
  `<tool_call>\n{"name": "${name}", "arguments": ${given}}\n</tool_call>`;

function write(...parts: readonly UpstreamCallPart[]): string {
  const calls = createUpstreamCalls(100);
  return parts.map((each) => calls.add([each])).join('') + calls.end();
}

it.each<[what: string, parts: readonly UpstreamCallPart[], text: string]>([
  ['in pieces', [part(0, 'f'), part(0, '', '{"a":'), part(0, '', ' 1}')], spell('f', '{"a": 1}')],
  ['one after the other', [part(0, 'f', '{}'), part(1, 'f', '{}')], spell('f', '{}') + spell('f', '{}')],
  ['without numbers', [part(undefined, 'f', '{}'), part(undefined, 'g')], spell('f', '{}') + spell('g', '{}')],
  ['with its name again', [part(0, 'f', '{'), part(0, 'f', '}')], spell('f', '{}')],
  ['without arguments', [part(0, 'f', ' ')], spell('f', '{}')],
  ['that was cut off', [part(0, 'f', '{"a": "<')], spell('f', '"{\\"a\\": \\"<"')],
  ['with a list', [part(0, 'f', '[1]')], spell('f', '"[1]"')],
])('writes a call %s', (_what, parts, text) => {
  expect(write(...parts)).toBe(text);
});

it.each<[what: string, parts: readonly UpstreamCallPart[], words: RegExp]>([
  ['no name', [part(0, '', '{}')], /names no tool/],
  ['a name with marks', [part(0, 'f"}</tool_call>')], /names no tool/],
  ['another name', [part(0, 'f'), part(0, 'g')], /changes its name/],
  ['a number before the last', [part(1, 'f'), part(0, 'g')], /earlier call/],
  ['too many bytes', [part(0, 'f', 'x'.repeat(60)), part(0, '', 'x'.repeat(60))], /more than 100 bytes/],
  ['too many others', Array.from({ length: 129 }, () => part(undefined, 'f')), /more than 128 calls/],
])('refuses a call with %s', (_what, parts, words) => {
  expect(() => write(...parts)).toThrow(words);
});
