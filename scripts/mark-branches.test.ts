import { expect, it } from 'vitest';
import { compileSources } from '../contracts/scripts/compile.ts';
import { markBranches } from '../contracts/scripts/mark-branches.ts';
import { placeRows } from '../contracts/scripts/tables.ts';

const SOURCE = `contract X {
    bool constant NEVER = true || false;
    /// über
    function f(uint256 a) external pure returns (uint256) {
        require(a > 1 && (a < 5 || !(a == 7)), "x");
        for (uint256 i; i < a; ++i) if (a == 3) return a == 2 ? 1 : 0;
        assembly { if gt(a, 9) { a := 1 } }
        bool y = a == 1 || a == 2;
        unchecked {
            a += 1;
        }
        return y ? 1 : 2;
    }
}
`;

it('marks each condition once, operand by operand, and each statement, and leaves the rest as it is', () => {
  const { text, branches, statements, next } = markBranches('X', SOURCE, 100);
  expect(branches.map(({ line, text: one }) => [line, one])).toEqual([
    [5, 'a > 1'],
    [5, 'a < 5'],
    [5, '!(a == 7)'],
    [6, 'i < a'],
    [6, 'a == 3'],
    [6, 'a == 2'],
    [8, 'a == 1'],
    [8, 'a == 2'],
    [12, 'y'],
  ]);
  expect(statements.map(({ line }) => line).sort((a, b) => a - b)).toEqual([5, 6, 8, 9, 10, 12]);
  const numbers = [...branches.flatMap(({ holds, fails }) => [holds, fails]), ...statements.map(({ runs }) => runs)];
  expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, i) => 100 + i));
  expect(next).toBe(100 + numbers.length);
  const marked = text.split('\n');
  expect(marked[4]).toMatch(
    /^ {8}tell_X\(\d+\); require\(branch_X\(a > 1, 100\) && \(branch_X\(a < 5, 102\) \|\| branch_X\(!\(a == 7\), 104\)\), "x"\);$/,
  );
  expect(marked[11]).toMatch(/^ {8}tell_X\(\d+\); return branch_X\(y, 116\) \? 1 : 2;$/);
  const unmarked = text
    .replace(/tell_X\(\d+\); /g, '')
    .replace(/branch_X\(([^()]*(?:\([^()]*\))?[^()]*), \d+\)/g, '$1');
  expect(unmarked.startsWith(SOURCE)).toBe(true);
});

it('leaves a contract that compiles, and that calls where the tests listen', () => {
  const { text } = markBranches('X', SOURCE, 100);
  const { X } = compileSources(new Map([['X.sol', text]]), ['X.sol'], { isHardlyOptimized: true })['src/X.sol'] ?? {};
  expect(X?.evm.deployedBytecode.object).toContain(`73${'c0bec0be'.repeat(5)}5afa`);
});

it('takes nothing that does not parse', () => {
  expect(() => markBranches('X', 'contract {', 1)).toThrow('X does not parse');
});

it('replaces the row of the same file, keeps the others, and drops full ones', () => {
  const page =
    'above\n<!-- a -->\n| file | x |\n|---|---|\n| B.sol | 1 |\n| C.sol | 2 |\n| all | 3 |\n<!-- a -->\nbelow\n';
  expect(
    placeRows(
      page,
      'a',
      new Map([
        ['C.sol', ['4']],
        ['A.sol', ['5']],
      ]),
    ),
  ).toBe(
    'above\n<!-- a -->\n| file | x |\n|---|---|\n| A.sol | 5 |\n| B.sol | 1 |\n| C.sol | 4 |\n| all | 3 |\n<!-- a -->\nbelow\n',
  );
  const full = new Map([
    ['B.sol', ['7 of 7']],
    ['C.sol', ['100.0 % of 3']],
  ]);
  expect(placeRows(page, 'a', full)).toBe(
    'above\n<!-- a -->\n| file | x |\n|---|---|\n| all | 3 |\n<!-- a -->\nbelow\n',
  );
  expect(() => placeRows(page, 'b', new Map())).toThrow('no table between two marks');
});
