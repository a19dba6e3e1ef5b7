import { createRequire } from 'node:module';
import { compilerPath } from '../compiler.ts';

const require = createRequire(import.meta.url);

/** A part of the compiler's tree. `src` is where it begins and how long it is, in bytes of UTF-8, then the number of its file. */
interface TreeNode {
  readonly nodeType: string;
  readonly src: string;
  readonly [field: string]: unknown;
}

/** A condition, in the text as it was, and where its two ways are in the text with marks. */
export interface Branch {
  readonly line: number;
  readonly text: string;
  /** Lines that run where the condition holds, and where it does not. */
  readonly whenTrue: number;
  readonly whenFalse: number;
}

export interface Marked {
  readonly text: string;
  /** Of the text as it was: what is marked adds none among them. */
  readonly lines: number;
  readonly branches: readonly Branch[];
}

const DECIDES = new Set(['require', 'assert']);
const isNode = (value: unknown): value is TreeNode =>
  typeof value === 'object' && value !== null && 'nodeType' in value && 'src' in value;

function childrenOf(node: object): readonly TreeNode[] {
  return Object.values(node)
    .flatMap((value) => (Array.isArray(value) ? value : [value]))
    .filter(isNode);
}

const isJoin = ({ nodeType, operator }: TreeNode): boolean =>
  nodeType === 'BinaryOperation' && (operator === '&&' || operator === '||');

/** What is either true or false by itself: the operands of && and ||, each of which may end the question. */
function listOperands(condition: TreeNode): readonly TreeNode[] {
  if (isJoin(condition)) {
    return [condition.leftExpression, condition.rightExpression].flatMap((side) => listOperands(side as TreeNode));
  }
  const { components } = condition as { components?: readonly TreeNode[] };
  const [only] = components ?? [];
  return condition.nodeType === 'TupleExpression' && only !== undefined && components?.length === 1
    ? listOperands(only)
    : [condition];
}

/** Everything that decides where code goes on: conditions of if, loops, ternaries, require and assert, and operands of && and ||. */
function listConditions(node: TreeNode, found: Map<string, TreeNode> = new Map()): Map<string, TreeNode> {
  // A constant calls nothing, and what assembly asks is no boolean.
  if (node.constant === true || node.nodeType === 'InlineAssembly') return found;
  const decided: TreeNode[] = [];
  if (isNode(node.condition)) decided.push(node.condition);
  if (isJoin(node)) decided.push(node);
  if (node.nodeType === 'FunctionCall') {
    const { expression, arguments: given } = node as unknown as { expression: TreeNode; arguments: TreeNode[] };
    const [first] = given;
    if (DECIDES.has(expression.name as string) && first !== undefined) decided.push(first);
  }
  for (const operand of decided.flatMap(listOperands)) found.set(operand.src, operand);
  for (const child of childrenOf(node)) listConditions(child, found);
  return found;
}

function parse(name: string, text: string): TreeNode {
  const solc = require('solc/wrapper.js')(require(compilerPath)) as { compile(input: string): string };
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

/**
 * Makes each condition the argument of a function of its own, with a line for either answer. So whatever counts lines that ran counts
 * branches, and && and || still ask no more than before.
 */
export function markBranches(name: string, text: string): Marked {
  const bytes = Buffer.from(text);
  const lineAt = (offset: number): number => bytes.subarray(0, offset).toString().split('\n').length;
  const lines = text.split('\n').length;
  const places = [...listConditions(parse(name, text)).keys()]
    .map((src) => src.split(':').map(Number) as [number, number, number])
    .map(([start, length]) => ({ start, end: start + length }))
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const identifier = name.replace(/\W/g, '_');
  // What lies within another one closes before it, and opens behind it.
  const marks = places.flatMap(({ start, end }, i) => [
    { at: start, order: 1, tie: -end, text: `branch_${identifier}_${i}(` },
    { at: end, order: 0, tie: -start, text: ')' },
  ]);
  marks.sort((a, b) => a.at - b.at || a.order - b.order || a.tie - b.tie);
  let marked = '';
  let from = 0;
  for (const { at, text: mark } of marks) {
    marked += bytes.subarray(from, at).toString() + mark;
    from = at;
  }
  marked += bytes.subarray(from).toString();
  const branches = places.map(({ start, end }, i) => {
    const first = lines + 1 + i * FUNCTION_LINES;
    return {
      line: lineAt(start),
      text: bytes.subarray(start, end).toString().replace(/\s+/g, ' '),
      whenTrue: first + 2,
      whenFalse: first + 4,
    };
  });
  const functions = places.map(
    (_, i) =>
      `function branch_${identifier}_${i}(bool met) pure returns (bool) {\nif (met) {\nmet = true;\n} else {\nmet = false;\n}\nreturn met;\n}\n`,
  );
  return { text: `${marked}\n${functions.join('')}`, lines, branches };
}

const FUNCTION_LINES = 8;
