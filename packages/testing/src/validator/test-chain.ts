import type { Anchor, Channel } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import type { SettleCall } from '@ogong/chain/settlement/settle-call';
import type { ListedMember } from '@ogong/chain/validators/roster';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';

/** The bond, and the vote, of a usual member. */
export const MEMBER_STAKE = 100n;

export interface TestChain {
  /** Settled batches in the order of their blocks. A reorganisation removes some. */
  readonly settled: SettleCall[];
  isDown: boolean;
  /** Called after the chain has accepted a batch and before its sender knows. */
  afterSettle: () => void;
  /** Reserves by hex address of the payer. Others have 10^18. */
  readonly reserves: Map<string, bigint>;
  /** Votes by hex address, for members with unusual ones. */
  readonly votes: Map<string, bigint>;
  /** Signing keys by hex address of the account, if it does not sign itself. */
  readonly signingKeys: Map<string, Uint8Array>;
  /** Keys that sign heads of logs, by hex address of the account. */
  readonly headKeys: Map<string, Uint8Array>;
  readonly deployment: { readonly beaconKeys: `0x${string}` };
  headKeyHashes(accounts: readonly Uint8Array[], blockNumber?: bigint): Promise<(`0x${string}` | undefined)[]>;
  /** Votes of validators that are gone for good. */
  votesOfGone: bigint;
  votesOf(
    accounts: readonly Uint8Array[],
    blockNumber?: bigint,
  ): Promise<{ each: bigint[]; signingKeys: `0x${string}`[]; total: bigint }>;
  /** Undefined: bonds limit nothing. */
  unvested?: () => Promise<bigint | undefined>;
  anchorOf(validator: Uint8Array): Promise<Anchor>;
  channelOf(payer: Uint8Array, validator: Uint8Array): Promise<Pick<Channel, 'admitted' | 'spent'>>;
  /** Each batch has a block of its own, from 1. */
  settle(call: SettleCall): Promise<{ transactionHash: string; blockNumber: bigint }>;
  /** The roster in force. A test fills it, or leaves it to `takeRoster`. */
  roster: readonly ListedMember[];
  /** Keys for sums, by hex address. */
  readonly quorumKeys: Map<string, `0x${string}`>;
  rosterMembers(): Promise<readonly ListedMember[]>;
  takeRoster(accounts: readonly Uint8Array[]): Promise<void>;
  quorumKeyOf(account: Uint8Array): Promise<`0x${string}` | undefined>;
  quorumKeyCountOf(account: Uint8Array): Promise<bigint>;
  setQuorumKey(call: { readonly account: Uint8Array; readonly key: Uint8Array }): Promise<void>;
}

/** The contract's rules that matter here: one batch for each sequence, in order, within the reserves. */
export function createTestChain(): TestChain {
  const find = (validator: Uint8Array): Anchor => {
    const last = chain.settled.findLast(({ batch }) => equalBytes(batch.validator as Uint8Array, validator))?.batch;
    if (last === undefined) return { sequence: 0n, logLength: 0n, logHead: `0x${'00'.repeat(32)}` };
    const { sequence, logLength, logHead } = last;
    return { sequence, logLength, logHead: `0x${toHex(logHead as Uint8Array)}` };
  };
  const chain: TestChain = {
    settled: [],
    reserves: new Map(),
    votes: new Map(),
    signingKeys: new Map(),
    headKeys: new Map(),
    deployment: { beaconKeys: `0x${'dc'.repeat(20)}` },
    async headKeyHashes(accounts) {
      return accounts.map((account): `0x${string}` | undefined => {
        const key = chain.headKeys.get(toHex(account));
        return key && `0x${toHex(nodeCrypto.sha256(key))}`;
      });
    },
    votesOfGone: 0n,
    async votesOf(accounts) {
      if (chain.isDown) throw new ChainError('rpc-unreachable', 'the chain is down');
      const each = accounts.map((account) => chain.votes.get(toHex(account)) ?? MEMBER_STAKE);
      const signingKeys = accounts.map((account): `0x${string}` => {
        return `0x${toHex(chain.signingKeys.get(toHex(account)) ?? account)}`;
      });
      return { each, signingKeys, total: each.reduce((sum, vote) => sum + vote, chain.votesOfGone) };
    },
    roster: [],
    quorumKeys: new Map(),
    rosterMembers: async () => chain.roster,
    async takeRoster(accounts) {
      chain.roster = accounts.map((account) => ({
        account: `0x${toHex(account)}`,
        stake: chain.votes.get(toHex(account)) ?? MEMBER_STAKE,
        key: chain.quorumKeys.get(toHex(account)),
      }));
    },
    quorumKeyOf: async (account) => chain.quorumKeys.get(toHex(account)),
    quorumKeyCountOf: async (account) => (chain.quorumKeys.has(toHex(account)) ? 1n : 0n),
    async setQuorumKey({ account, key }) {
      chain.quorumKeys.set(toHex(account), `0x${toHex(key)}`);
    },
    isDown: false,
    afterSettle() {},
    async anchorOf(validator) {
      if (chain.isDown) throw new ChainError('rpc-unreachable', 'the chain is down');
      return find(validator);
    },
    async channelOf(payer) {
      if (chain.isDown) throw new ChainError('rpc-unreachable', 'the chain is down');
      return { admitted: chain.reserves.get(toHex(payer)) ?? 10n ** 18n, spent: 0n };
    },
    async settle(call) {
      if (chain.isDown) throw new ChainError('rpc-unreachable', 'the chain is down');
      const { validator, sequence } = call.batch;
      const anchor = find(validator as Uint8Array);
      if (sequence !== anchor.sequence + 1n) {
        const revert = { name: 'WrongSequence', args: [anchor.sequence + 1n, sequence] };
        throw new ChainError('reverted', 'refused with WrongSequence', { revert });
      }
      for (const { payer, amount } of call.debits) {
        const { admitted } = await chain.channelOf(payer as Uint8Array, validator as Uint8Array);
        if (amount <= admitted) continue;
        const revert = { name: 'AllowanceExceeded', args: [payer, amount, admitted] };
        throw new ChainError('reverted', 'refused with AllowanceExceeded', { revert });
      }
      chain.settled.push(call);
      chain.afterSettle();
      return { transactionHash: `0x${sequence.toString(16)}`, blockNumber: BigInt(chain.settled.length) };
    },
  };
  return chain;
}
