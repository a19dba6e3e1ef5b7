import { childrenOf, isNode, parse, rangeOf, type TreeNode } from './parse.ts';

/** A condition, its place, and the numbers that are reported if it holds and if it does not. */
export interface Branch {
  readonly line: number;
  readonly text: string;
  readonly holds: number;
  readonly fails: number;
}

/** A statement of a block, and the number that is reported before it runs. */
export interface Statement {
  readonly line: number;
  readonly runs: number;
}

export interface Marked {
  readonly text: string;
  readonly branches: readonly Branch[];
  readonly statements: readonly Statement[];
  /** The first number that is free. */
  readonly next: number;
}

const DECIDES = new Set(['require', 'assert']);

const isJoin = ({ nodeType, operator }: TreeNode): boolean =>
  nodeType === 'BinaryOperation' && (operator === '&&' || operator === '||');

/** Returns conditions that are true or false by themselves: the operands of && and ||, each of which may end the evaluation. */
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
  // A constant calls nothing, and a condition in assembly is no boolean.
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

/** Lists statements of blocks. Assembly is left out: a call before it would overwrite the result of the last call. */
function listStatements(node: TreeNode, found: TreeNode[] = []): readonly TreeNode[] {
  if (node.nodeType === 'InlineAssembly') return found;
  const { statements = [] } = node as { statements?: readonly TreeNode[] };
  found.push(...statements.filter(({ nodeType }) => nodeType !== 'InlineAssembly'));
  for (const child of childrenOf(node)) listStatements(child, found);
  return found;
}

/**
 * Functions that marks call. A number is reported by a call to the address at which the tests' machine counts marks. Such a call changes
 * nothing, so a pure function may make it once the compiler accepts it. Scratch space is free between statements.
 */
const listFunctions = (name: string): string => `
function branch_${name}(bool met, uint256 mark) pure returns (bool) { tell_${name}(met ? mark : mark + 1); return met; }
function tell_${name}(uint256 mark) pure { promise_${name}(call_${name})(mark); }
function call_${name}(uint256 mark) view {
    assembly ("memory-safe") { mstore(0, mark) pop(staticcall(gas(), 0xc0bEc0BEc0BeC0bEC0beC0bEC0bEC0beC0beC0BE, 0, 32, 0, 0)) }
}
function promise_${name}(function(uint256) internal view told) pure returns (function(uint256) internal pure promised) {
    assembly ("memory-safe") { promised := told }
}
`;

interface Mark {
  readonly at: number;
  /** Order of marks at the same place: ends come first, then statements, then conditions. */
  readonly order: number;
  readonly tie: number;
  readonly text: string;
}

function insert(bytes: Buffer, marks: readonly Mark[]): string {
  const sorted = marks.toSorted((a, b) => a.at - b.at || a.order - b.order || a.tie - b.tie);
  let text = '';
  let from = 0;
  for (const { at, text: mark } of sorted) {
    text += bytes.subarray(from, at).toString() + mark;
    from = at;
  }
  return text + bytes.subarray(from).toString();
}

/**
 * Makes each condition the argument of a function that reports its result. Puts a reporting call before each statement. && and || evaluate
 * no more than before, and no line moves.
 * @param first number of the first mark; the others follow.
 */
export function markBranches(name: string, text: string, first: number): Marked {
  const bytes = Buffer.from(text);
  const tree = parse(name, text);
  const placeOf = (node: { src: string }) => {
    const { start, end } = rangeOf(node);
    return { start, end, line: bytes.subarray(0, start).toString().split('\n').length };
  };
  let next = first;
  const branches = [...listConditions(tree).keys()]
    .map((src) => placeOf({ src }))
    .sort((a, b) => a.start - b.start || b.end - a.end)
    .map((place) => ({ ...place, holds: next++, fails: next++ }));
  const statements = listStatements(tree).map((node) => ({ ...placeOf(node), runs: next++ }));
  // An inner mark closes before the outer one, and opens behind it.
  const marks = [
    ...statements.map(({ start, runs }) => ({ at: start, order: 1, tie: 0, text: `tell_${name}(${runs}); ` })),
    ...branches.flatMap(({ start, end, holds }) => [
      { at: start, order: 2, tie: -end, text: `branch_${name}(` },
      { at: end, order: 0, tie: -start, text: `, ${holds})` },
    ]),
  ];
  return {
    text: insert(bytes, marks) + (marks.length > 0 ? listFunctions(name) : ''),
    branches: branches.map(({ start, end, line, holds, fails }) => ({
      line,
      text: bytes.subarray(start, end).toString().replace(/\s+/g, ' '),
      holds,
      fails,
    })),
    statements: statements.map(({ line, runs }) => ({ line, runs })),
    next,
  };
}
