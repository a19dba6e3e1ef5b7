import { childrenOf, parse, rangeOf, type TreeNode } from './parse.ts';

export interface SwitchedMutant {
  /** Not 0. */
  readonly number: number;
  readonly from: string;
  readonly to: string;
}

export interface Switched {
  readonly text: string;
  /** Numbers of mutants that are not in the text: they break no part of a function, so the contract has to be compiled for each. */
  readonly alone: readonly number[];
}

interface Variant {
  readonly bytes: Buffer;
  readonly node: TreeNode;
}

const textOf = (bytes: Buffer, node: unknown): string => {
  const { start, end } = rangeOf(node as TreeNode);
  return bytes.subarray(start, end).toString();
};

/** Functions with a body, in the order in which they stand. Constructors set immutable values, so they are left out. */
function listFunctions(node: TreeNode, found: TreeNode[] = []): readonly TreeNode[] {
  if (node.nodeType === 'FunctionDefinition' && ['function', 'freeFunction'].includes(node.kind as string)) {
    if (node.implemented === true) found.push(node);
  }
  for (const child of childrenOf(node)) listFunctions(child, found);
  return found;
}

/** Finds the changed form of the one function that a mutant changes; undefined if the file differs elsewhere too. */
function findVariant(name: string, text: string, functions: readonly TreeNode[], { from, to }: SwitchedMutant) {
  const before = Buffer.from(text);
  const bytes = Buffer.from(text.replace(from, () => to));
  let changed: readonly TreeNode[];
  try {
    changed = listFunctions(parse(name, bytes.toString()));
  } catch {
    // The compiler reports its fault when it is compiled alone.
    return;
  }
  if (changed.length !== functions.length) return;
  for (const [index, node] of functions.entries()) {
    const old = rangeOf(node);
    const next = rangeOf(changed[index] as TreeNode);
    const isIts =
      next.start === old.start &&
      before.subarray(0, old.start).equals(bytes.subarray(0, next.start)) &&
      before.subarray(old.end).equals(bytes.subarray(next.end));
    if (isIts) return { index, variant: { bytes, node: changed[index] as TreeNode } };
  }
  return;
}

const listParameters = (list: unknown): readonly string[] =>
  (list as { parameters: readonly { name: string }[] }).parameters.map(({ name }) => name);

/** The same function by another name, for its own contract only. */
function renameFunction({ bytes, node }: Variant, name: string): string {
  const returned = textOf(bytes, node.returnParameters);
  return [
    `function ${name}${textOf(bytes, node.parameters)}`,
    node.kind === 'freeFunction' ? '' : 'internal',
    // An internal function may look at the payment without a declaration.
    ['nonpayable', 'payable'].includes(node.stateMutability as string) ? '' : (node.stateMutability as string),
    ...(node.modifiers as readonly TreeNode[]).map((modifier) => textOf(bytes, modifier)),
    returned === '' ? '' : `returns ${returned}`,
    textOf(bytes, node.body),
  ]
    .filter((word) => word !== '')
    .join(' ');
}

/** Writes the function that replaces it: it reads the variant in force, and passes the call on. */
function dispatch(file: string, original: Variant, variants: ReadonlyMap<number, Variant>): string {
  const { bytes, node } = original;
  const name = node.name as string;
  const returned = textOf(bytes, node.returnParameters);
  const given = listParameters(node.parameters).join(', ');
  const handOn = (to: string): string => (returned === '' ? `{ ${to}(${given}); return; }` : `return ${to}(${given});`);
  const mutability = node.stateMutability as string;
  const head = [
    `function ${name}${textOf(bytes, node.parameters)}`,
    node.kind === 'freeFunction' ? '' : (node.visibility as string),
    mutability === 'nonpayable' ? '' : mutability,
    node.virtual === true ? 'virtual' : '',
    node.overrides === undefined || node.overrides === null ? '' : textOf(bytes, node.overrides),
    returned === '' ? '' : `returns ${returned}`,
  ].filter((word) => word !== '');
  const cases = [...variants.keys()].map((number) => `if (isBroken_${file}(${number})) ${handOn(`${name}_${number}`)}`);
  return [
    `${head.join(' ')} { ${[...cases, handOn(`${name}_whole`)].join(' ')} }`,
    renameFunction(original, `${name}_whole`),
    ...[...variants].map(([number, variant]) => renameFunction(variant, `${name}_${number}`)),
  ].join('\n');
}

/**
 * The coinbase of the block selects the mutant: a test's machine can set it for each run, and no contract reads it. A pure function may ask
 * for it once the compiler accepts that.
 */
const listQuestions = (file: string): string => `
function isBroken_${file}(uint256 number) pure returns (bool) { return promise_${file}(inForce_${file})() == number; }
function inForce_${file}() view returns (uint256) { return uint160(address(block.coinbase)); }
function promise_${file}(function() internal view returns (uint256) asked) pure returns (function() internal pure returns (uint256) promised) {
    assembly ("memory-safe") { promised := asked }
}
`;

/**
 * Returns one text with many mutants, of which one or none is in force. The compiler takes most of a mutant's time, and runs once. Each
 * changed function is in the text once for each of its mutants, and once in its original form.
 * @param file the file's name without its ending.
 */
export function switchMutants(file: string, text: string, mutants: readonly SwitchedMutant[]): Switched {
  const bytes = Buffer.from(text);
  const functions = listFunctions(parse(file, text));
  const variants = new Map<number, Map<number, Variant>>();
  const alone: number[] = [];
  for (const mutant of mutants) {
    const found = findVariant(file, text, functions, mutant);
    const node = functions[found?.index ?? -1];
    if (found === undefined || node === undefined || listParameters(node.parameters).includes('')) {
      alone.push(mutant.number);
      continue;
    }
    variants.set(found.index, (variants.get(found.index) ?? new Map()).set(mutant.number, found.variant));
  }
  if (variants.size === 0) return { text, alone };
  let switched = '';
  let from = 0;
  for (const [index, node] of functions.entries()) {
    const its = variants.get(index);
    if (its === undefined) continue;
    const { start, end } = rangeOf(node);
    switched += bytes.subarray(from, start).toString() + dispatch(file, { bytes, node }, its);
    from = end;
  }
  return { text: switched + bytes.subarray(from).toString() + listQuestions(file), alone };
}
