import type { CohortAttack } from './attack.ts';

export const wrongTokens: CohortAttack = {
  name: 'wrong-tokens',
  aim: 'send the first shard other tokens than the record has, and have an audit name that shard for its rows',
  by: 'leader',
  foundBy: 'inputs',
  bendTokens: (tokens, position) => (position === 0 ? tokens.with(0, (tokens[0] as number) ^ 1) : tokens),
};

export const framesReceiver: CohortAttack = {
  name: 'frames-receiver',
  aim: 'send the next shard wrong rows and sign a root over right ones, and have an audit name the next shard',
  by: 'shard',
  needsReceiver: true,
  hasLeader: true,
  foundBy: 'inputs',
  bendSent: (rows) => rows.with(0, (rows[0] as number) + 1),
};

export const wrongLabel: CohortAttack = {
  name: 'wrong-label',
  aim: 'name a pass of a prompt a step, so that honest shards run other kernels than their class says and an audit names them',
  by: 'leader',
  bendKind: (kind) => (kind === 'prompt' ? 'step' : kind),
};
