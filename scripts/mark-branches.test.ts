import { expect, it } from 'vitest';
import { markBranches } from '../contracts/scripts/mark-branches.ts';

const SOURCE = `contract X {
    bool constant NEVER = true || false;
    /// über
    function f(uint256 a) external pure returns (uint256) {
        require(a > 1 && (a < 5 || !(a == 7)), "x");
        for (uint256 i; i < a; ++i) if (a == 3) return a == 2 ? 1 : 0;
        assembly { if gt(a, 9) { a := 1 } }
        bool y = a == 1 || a == 2;
        return y ? 1 : 2;
    }
}
`;

it('marks each condition once, operand by operand, and leaves the rest as it is', () => {
  const { text, lines, branches } = markBranches('X', SOURCE);
  expect(branches.map(({ line, text: one }) => [line, one])).toEqual([
    [5, 'a > 1'],
    [5, 'a < 5'],
    [5, '!(a == 7)'],
    [6, 'i < a'],
    [6, 'a == 3'],
    [6, 'a == 2'],
    [8, 'a == 1'],
    [8, 'a == 2'],
    [9, 'y'],
  ]);
  const marked = text.split('\n');
  expect(marked[4]).toContain('require(branch_X_0(a > 1) && (branch_X_1(a < 5) || branch_X_2(!(a == 7))), "x");');
  expect(marked[8]).toContain('return branch_X_8(y) ? 1 : 2;');
  expect(text.replace(/branch_X_\d+\(([^()]*(?:\([^()]*\))?[^()]*)\)/g, '$1').startsWith(SOURCE)).toBe(true);
  // Either answer has a line, behind all that was there.
  for (const { whenTrue, whenFalse } of branches) {
    expect(whenTrue).toBeGreaterThan(lines);
    expect([marked[whenTrue - 1], marked[whenFalse - 1]]).toEqual(['met = true;', 'met = false;']);
  }
});

it('takes nothing that does not parse', () => {
  expect(() => markBranches('X', 'contract {')).toThrow('X does not parse');
});
