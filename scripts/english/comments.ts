import { BREAK } from './fragment.ts';

const DIRECTIVE =
  /^\s*(?:biome-ignore\S*(?: [\w/]+)?:|@ts-expect-error|@ts-ignore|@ts-nocheck|v8 ignore|c8 ignore|eslint-\S+|SPDX-License-Identifier.*|@vitest-environment.*|prettier-ignore|type: ignore\S*|noqa\S*|pragma\S*.*|<reference.*|@__PURE__|slither-\S+.*|solhint-\S+.*|#region.*|#endregion.*|!.*|=+>.*)/;
/** Tags of doc comments. The name that follows some of them is no prose. */
const TAG =
  /(^|\n)([ \t]*)@(?:(?:param|property|template|typeParam|throws|error)\s+(?:\{[^}]*\}\s*)?[\w$.[\]=]+(?:[ \t]+-)?|\w+)/g;

/** Removes the signs of a comment and keeps its line breaks. Tags end a sentence. */
export function cleanComment(body: string): string {
  return body
    .split('\n')
    .map((line) => line.replace(/^\s*(?:\*+(?!\*)|\/\/+!?|#+)? ?/, '').replace(DIRECTIVE, ''))
    .join('\n')
    .replace(/```[\s\S]*?```/g, (code) => code.replace(/[^\n]/g, '').replace(/^/, BREAK))
    .replace(TAG, `$1$2${BREAK}`);
}
