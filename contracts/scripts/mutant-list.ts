import { readFileSync } from 'node:fs';

/** A broken rule: `to` replaces `from`, which stands exactly once in the file. */
export interface Mutant {
  readonly breaks: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Calls that move a token, by how their heads begin. */
const GUARDED: Readonly<Record<string, readonly string[]>> = {
  'Escrow.sol': [
    'function deposit(uint256 amount) external',
    'function withdraw(uint256 amount) external',
    'function claim() external',
  ],
  'Earnings.sol': [
    'function withdraw(bytes32 providerId, address payee) external',
    'function collect(bytes32 providerId, address payee) external',
    'function bond(bytes32 providerId, uint128 amount) external',
    'function finishUnbond(bytes32 providerId) external',
    'function forfeit(bytes32 providerId, address payee) external',
  ],
  'Emission.sol': [
    'function claim(uint32 number, address account, uint128 units, bytes32[] calldata proof)\n        external\n       ',
  ],
  'Staking.sol': [
    'function stake(uint128 amount) external',
    'function finishUnstake() external',
    'function prioritize(uint128 amount) external',
    'function finishDeprioritize() external',
    'function bond(uint128 amount) external',
    'function finishUnbond() external',
    'function takeBond(address validator, uint128 amount) external',
    'function takeStake(address account, uint128 amount) external',
    'function restore(address account, uint128 amount) external',
    'function collectPenalty(address payee) external',
  ],
  'Settlement.sol': ['bytes[] calldata quorum\n    ) external'],
  'Cases.sol': [
    'bytes32 evidence, bytes[] calldata quorum)\n        external\n       ',
    'function openProven(address accused, address reporter, bytes32 evidence) external',
    'function appealEjection(bytes32 providerId) external',
    'function appealPenalty(address payee) external',
    'function requestFreeze(bytes32 providerId) external',
    'function freeze(bytes32 providerId, uint256 period, bytes[] calldata votes) external',
    'function acquit(uint256 id, bytes[] calldata votes) external',
    'function reinstate(bytes32 providerId, bytes[] calldata votes) external',
    'function pardon(address payee, uint32 appealed, bytes[] calldata votes) external',
    'function close(uint256 id) external',
    'function forfeit(bytes32 subject) external',
  ],
  'Exchange.sol': [
    'function provide(uint256 amountA, uint256 amountB) external',
    'uint256 least, address recipient)\n        external\n       ',
  ],
  'MintBurn.sol': [
    'function topUp(IERC20 asset, uint256 amount, uint256 least, uint256 deadline) external',
    'function claim(uint256 number, uint256 least) external',
  ],
};

const UNGUARDED: readonly Mutant[] = Object.entries(GUARDED).flatMap(([file, heads]) =>
  heads.map((head) => {
    const breaks = `reentrancy: no guard after \`${head.replaceAll(/\s+/g, ' ').trim()}\``;
    return { breaks, file, from: `${head} nonReentrant`, to: head };
  }),
);

/** Calls that take a token in, by the line before. */
const TAKING: readonly (readonly [file: string, before: string, call: string])[] = [
  ['Escrow.sol', 'emit Deposited(msg.sender, amount);', 'Payment.take(token, msg.sender, amount);'],
  ['Earnings.sol', 'emit KeyBonded(providerId, msg.sender, amount, next);', 'Payment.take(token, msg.sender, amount);'],
  ['Staking.sol', 'emit Staked(msg.sender, amount, mine.amount);', 'Payment.take(token, msg.sender, amount);'],
  ['Staking.sol', 'emit Prioritized(msg.sender, amount, mine.amount);', 'Payment.take(token, msg.sender, amount);'],
  ['Staking.sol', 'emit Bonded(msg.sender, amount, mine.amount);', 'Payment.take(token, msg.sender, amount);'],
  ['Staking.sol', 'emit Restored(account, amount);', 'Payment.take(token, cases, amount);'],
  ['Cases.sol', 'emit Appealed(subject, msg.sender, deposit);', 'Payment.take(token, msg.sender, deposit);'],
  ['MintBurn.sol', 'settlement.parameters().requireEntry();', 'Payment.take(asset, msg.sender, amount);'],
];

const UNSEEN: readonly Mutant[] = TAKING.map(([file, before, call]) => {
  const [, token, from, amount] = /take\((\S+), (\S+), (\S+)\)/.exec(call) as RegExpExecArray;
  const to = `${before}\n        ${token}.transferFrom(${from}, address(this), ${amount});`;
  return { breaks: `incoming tokens: nobody checks after \`${before}\``, file, from: `${before}\n        ${call}`, to };
});

/** Mutants of mutants.jsonl: a file, the broken rule, the text and its replacement in each line. */
const LISTED: readonly Mutant[] = readFileSync(new URL('mutants.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => {
    const [file, breaks, from, to, ...rest] = JSON.parse(line) as readonly string[];
    if (!file || !breaks || !from || to === undefined || rest.length > 0) throw new Error(`not a mutant: ${line}`);
    return { breaks, file, from, to };
  });

export const MUTANTS: readonly Mutant[] = [...LISTED, ...UNGUARDED, ...UNSEEN];
