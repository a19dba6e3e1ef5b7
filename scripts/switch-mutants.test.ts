import { expect, it } from 'vitest';
import { compileSources } from '../contracts/scripts/compile.ts';
import { switchMutants } from '../contracts/scripts/switch-mutants.ts';

const SOURCE = `interface Asked { function sum(uint256 a, uint256 b) external view returns (uint256); }
contract X is Asked {
    /// über
    uint256 constant MOST = 5;
    address immutable owner;
    error Not();
    modifier onlyOwner() { if (msg.sender != owner) revert Not(); _; }
    constructor() { owner = msg.sender; }
    function sum(uint256 a, uint256 b) public view virtual override returns (uint256 c) {
        if (a > MOST) revert Not();
        c = a + b;
    }
    function set(uint256[] calldata list) external payable onlyOwner { check(list.length); }
    function unnamed(uint256) external pure returns (uint256) { return 1; }
}
function check(uint256 value) pure { if (value == 7) revert(); }
`;

const mutants = [
  { number: 1, from: 'if (a > MOST) revert Not();', to: '' },
  { number: 2, from: 'a + b', to: 'a - b' },
  { number: 3, from: ' onlyOwner { check', to: ' { check' },
  { number: 4, from: 'value == 7', to: 'false' },
  { number: 5, from: 'MOST = 5', to: 'MOST = 6' },
  { number: 6, from: 'owner = msg.sender;', to: 'owner = address(1);' },
  { number: 7, from: 'if (msg.sender != owner) revert Not();', to: '' },
  { number: 8, from: 'return 1;', to: 'return 2;' },
];

const squeeze = (text: string): string => text.replace(/\s+/g, ' ');

it('puts each mutant of a function beside it, asks which is in force, and leaves out what is no part of one', () => {
  const { text, alone } = switchMutants('X', SOURCE, mutants);
  expect(alone).toEqual([5, 6, 7, 8]);
  const all = squeeze(text);
  for (const part of [
    'function sum(uint256 a, uint256 b) public view virtual override returns (uint256 c) { if (isBroken_X(1)) return sum_1(a, b); if (isBroken_X(2)) return sum_2(a, b); return sum_whole(a, b); }',
    'function sum_whole(uint256 a, uint256 b) internal view returns (uint256 c) { if (a > MOST) revert Not(); c = a + b; }',
    'function sum_1(uint256 a, uint256 b) internal view returns (uint256 c) { c = a + b; }',
    'function sum_2(uint256 a, uint256 b) internal view returns (uint256 c) { if (a > MOST) revert Not(); c = a - b; }',
    // The condition that admits a caller is a part of the function too.
    'function set(uint256[] calldata list) external payable { if (isBroken_X(3)) { set_3(list); return; } { set_whole(list); return; } }',
    'function set_whole(uint256[] calldata list) internal onlyOwner { check(list.length); }',
    'function set_3(uint256[] calldata list) internal { check(list.length); }',
    'function check(uint256 value) pure { if (isBroken_X(4)) { check_4(value); return; } { check_whole(value); return; } }',
    'function check_4(uint256 value) pure { if (false) revert(); }',
    '/// über uint256 constant MOST = 5;',
  ])
    expect(all).toContain(part);
});

it('leaves a contract that compiles, and a text that no mutant is in as it is', () => {
  const { text } = switchMutants('X', SOURCE, mutants);
  const { X } = compileSources(new Map([['X.sol', text]]), ['X.sol'], { isHardlyOptimized: true })['src/X.sol'] ?? {};
  expect(X?.abi).toHaveLength(5);
  expect(switchMutants('X', SOURCE, mutants.slice(4)).text).toBe(SOURCE);
});
