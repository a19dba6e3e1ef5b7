import { childrenOf, parse, rangeOf, type TreeNode } from './parse.ts';

export interface SwitchedMutant {
  /** Not 0. */
  readonly number: number;
  readonly from: string;
  readonly to: string;
}

export interface Switched {
  readonly text: string;
  /** Numbers of those that are not in the text: what they break is no part of a function, so the contract has to be compiled for each. */
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

/** Functions with a body, in the order in which they stand. What creates a contract sets what only it may set, and is none here. */
function listFunctions(node: TreeNode, found: TreeNode[] = []): readonly TreeNode[] {
  if (node.nodeType === 'FunctionDefinition' && ['function', 'freeFunction'].includes(node.kind as string)) {
    if (node.implemented === true) found.push(node);
  }
  for (const child of childrenOf(node)) listFunctions(child, found);
  return found;
}

/** The function that a mutant changes, as it becomes; nothing where the file differs elsewhere too. */
function findVariant(name: string, text: string, functions: readonly TreeNode[], { from, to }: SwitchedMutant) {
  const before = Buffer.from(text);
  const bytes = Buffer.from(text.replace(from, () => to));
  let changed: readonly TreeNode[];
  try {
    changed = listFunctions(parse(name, bytes.toString()));
  } catch {
    // Whoever compiles it alone is told what is wrong with it.
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
    // Whoever is called from within may look at what was paid, and does not say so.
    ['nonpayable', 'payable'].includes(node.stateMutability as string) ? '' : (node.stateMutability as string),
    ...(node.modifiers as readonly TreeNode[]).map((modifier) => textOf(bytes, modifier)),
    returned === '' ? '' : `returns ${returned}`,
    textOf(bytes, node.body),
  ]
    .filter((word) => word !== '')
    .join(' ');
}

/** In the place of the function: it asks which variant is in force, and hands everything on to it. */
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
 * Which mutant is in force is the coinbase of the block, which a test's machine may be given for each run, and which no contract reads. A function
 * that promises to read nothing may ask, once the compiler is told so.
 */
const listQuestions = (file: string): string => `
function isBroken_${file}(uint256 number) pure returns (bool) { return promise_${file}(inForce_${file})() == number; }
function inForce_${file}() view returns (uint256) { return uint160(address(block.coinbase)); }
function promise_${file}(function() internal view returns (uint256) asked) pure returns (function() internal pure returns (uint256) promised) {
    assembly ("memory-safe") { promised := asked }
}
`;

/**
 * One text in which many mutants lie, of which one or none is in force: the compiler takes most of the time that a mutant takes, and is asked once.
 * Each function that a mutant changes stands there once for each of them, and once as it was.
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
