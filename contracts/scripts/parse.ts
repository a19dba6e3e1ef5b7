import { createRequire } from 'node:module';
import { compilerPath } from '../compiler.ts';

const require = createRequire(import.meta.url);

interface Parser {
  compile(input: string): string;
}

/** Loaded once: it takes a second. */
let solc: Parser | undefined;

/** A part of the compiler's tree. `src` is its start and length in bytes of UTF-8, then the number of its file. */
export interface TreeNode {
  readonly nodeType: string;
  readonly src: string;
  readonly [field: string]: unknown;
}

export const isNode = (value: unknown): value is TreeNode =>
  typeof value === 'object' && value !== null && 'nodeType' in value && 'src' in value;

export function childrenOf(node: object): readonly TreeNode[] {
  return Object.values(node)
    .flatMap((value) => (Array.isArray(value) ? value : [value]))
    .filter(isNode);
}

/** Returns the place of a part, in bytes. */
export function rangeOf({ src }: { readonly src: string }): { readonly start: number; readonly end: number } {
  const [start, length] = src.split(':').map(Number) as [number, number];
  return { start, end: start + length };
}

/** Returns the compiler's tree of one file without its imports. */
export function parse(name: string, text: string): TreeNode {
  solc ??= require('solc/wrapper.js')(require(compilerPath)) as Parser;
  const output = JSON.parse(
    solc.compile(
      JSON.stringify({
        language: 'Solidity',
        sources: { [name]: { content: text } },
        settings: { stopAfter: 'parsing', outputSelection: { '*': { '': ['ast'] } } },
      }),
    ),
  );
  const tree = output.sources?.[name]?.ast;
  if (!isNode(tree)) throw new Error(`${name} does not parse: ${JSON.stringify(output.errors)}`);
  return tree;
}
