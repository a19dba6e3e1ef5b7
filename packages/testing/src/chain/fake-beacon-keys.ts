import { ChainError } from '@ogong/chain/errors';
import { type Address, type BytesLike, bytesToHex, type Hex, toAddress, toHex } from '@ogong/chain/hex';
import type {
  BeaconKeysReads,
  BeaconKeysWrites,
  ListedEra,
  ListedGeneration,
} from '@ogong/chain/validators/beacon-keys';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import { encodeActivation } from '@ogong/protocol/beacon/threshold/key-outcome';
import { hashKeyStatement } from '@ogong/protocol/beacon/threshold/key-plan';
import { hashRetirement } from '@ogong/protocol/beacon/threshold/retirement';
import { verifyThresholdCertificate } from '@ogong/protocol/beacon/threshold/threshold-value';
import type { Bls } from '@ogong/protocol/crypto/bls';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

export type BeaconKeysClient = BeaconKeysReads & BeaconKeysWrites;

/** A member: its account, the key that signs for it, and its votes. */
export interface FakeVoter {
  readonly account: Uint8Array;
  readonly signingKey: Uint8Array;
  readonly votes: bigint;
}

export interface FakeBeaconKeysOptions {
  readonly network: BeaconNetwork;
  readonly crypto: Crypto;
  readonly bls: Pick<Bls, 'verify'>;
  readonly voters: () => readonly FakeVoter[];
  readonly nowSeconds: () => number;
  readonly originSeconds?: number;
  readonly periodSeconds: number;
}

const NOTICE_EPOCHS = 2n;
const MAX_U64 = (1n << 64n) - 1n;

function refuse(name: string, ...args: unknown[]): never {
  throw new ChainError('reverted', `refused with ${name}()`, { revert: { name, args } });
}

const bytesOf = (value: BytesLike): Uint8Array => fromHex(toHex(value, 'value').slice(2));

/** The rules of BeaconKeys in memory. Only the given BLS checks points. */
export function createFakeBeaconKeys(options: FakeBeaconKeysOptions) {
  const { network, crypto, bls, voters, nowSeconds, originSeconds = 0, periodSeconds } = options;
  const [origin, period] = [BigInt(originSeconds), BigInt(periodSeconds)];
  const generations: ListedGeneration[] = [];
  const eras: ListedEra[] = [];
  const boxKeys = new Map<Address, Hex>();
  const headKeys = new Map<Address, Hex>();
  const state = { isDown: false, block: 1n };
  const epochNow = (): bigint => {
    const now = BigInt(Math.floor(nowSeconds()));
    return now < origin ? 0n : (now - origin) / period;
  };
  const accountOf = (voter: FakeVoter): Address => bytesToHex(voter.account);

  function read<T>(value: () => T): Promise<T> {
    return state.isDown
      ? Promise.reject(new ChainError('rpc-unreachable', 'the chain is down'))
      : Promise.resolve().then(value);
  }

  async function write(work: () => void): Promise<void> {
    await read(work);
    state.block += 1n;
  }

  function requireQuorum(digest: Uint8Array, quorum: readonly BytesLike[]): void {
    let previous = '';
    let signed = 0n;
    const known = voters();
    for (const [i, signature] of quorum.entries()) {
      const signer = crypto.recoverAddress(digest, bytesOf(signature));
      if (signer === undefined) refuse('BadQuorumSignature', BigInt(i));
      const hex = bytesToHex(signer);
      if (hex <= previous) refuse('UnsortedSigners', previous, hex);
      previous = hex;
      signed += known.find(({ signingKey }) => bytesToHex(signingKey) === hex)?.votes ?? 0n;
    }
    const total = known.reduce((sum, { votes }) => sum + votes, 0n);
    if (3n * signed <= 2n * total) refuse('NoQuorum', signed, total);
  }

  function enter(generation: number, key: Hex, firstEpoch: bigint): void {
    const last = generations.at(-1);
    if (last !== undefined && generation === generations.length) {
      if (last.lastEpoch !== undefined) refuse('AlreadyRetired', generation);
      if (last.key !== key) refuse('OtherKey', generation);
      return;
    }
    if (generation !== generations.length + 1) {
      refuse('WrongGeneration', BigInt(generations.length + 1), generation);
    }
    if (last !== undefined && (last.lastEpoch === undefined || last.lastEpoch >= firstEpoch)) {
      generations[generations.length - 1] = { ...last, lastEpoch: firstEpoch - 1n };
    }
    generations.push({ key, firstEpoch, lastEpoch: undefined });
  }

  function hashKeyOf(keys: ReadonlyMap<Address, Hex>, account: BytesLike): Hex | undefined {
    const key = keys.get(toAddress(account, 'account'));
    return key && bytesToHex(crypto.sha256(bytesOf(key)));
  }

  function register(keys: Map<Address, Hex>, own: Address, key: Hex): void {
    if (!voters().some((voter) => accountOf(voter) === own)) refuse('NotValidator', own);
    keys.set(own, key);
  }

  function connect(own: Address): BeaconKeysClient {
    return {
      beaconKeys: () =>
        read(() => ({
          ...{ block: state.block, epoch: epochNow(), origin, period },
          ...{ generations: [...generations], eras: [...eras] },
        })),
      boxKeyHashes: (accounts) => read(() => accounts.map((account) => hashKeyOf(boxKeys, account))),
      headKeyHashes: (accounts) => read(() => accounts.map((account) => hashKeyOf(headKeys, account))),
      boxKeyOf: (account) => read(() => boxKeys.get(toAddress(account, 'account'))),
      valueOfEpoch: ({ generation, epoch, signature }) =>
        read(() => {
          const listed = generations.map(({ key, ...of }, i) => ({ ...of, generation: i + 1, key: bytesOf(key) }));
          const certificate = { generation, epoch, signature: bytesOf(signature) };
          const claim = { certificate, generations: listed };
          const { value } = verifyThresholdCertificate({ crypto, bls }, network, claim);
          return value && bytesToHex(value);
        }),
      registerBoxKey: (key) => write(() => register(boxKeys, own, toHex(key, 'key', 1_216))),
      registerHeadKey: (key) => write(() => register(headKeys, own, toHex(key, 'key', 1_344))),
      activateEra: ({ outcome, key, quorum, activation }) =>
        write(() => {
          const { generation, era, attempt } = outcome;
          if (era !== eras.length + 1) refuse('WrongEra', BigInt(eras.length + 1), era);
          const [set, transcript] = [bytesOf(outcome.set), bytesOf(outcome.transcript)];
          const statement = { kind: 'outcome', transcript, key: bytesOf(key) } as const;
          const digest = hashKeyStatement(crypto, network, { generation, era, attempt, set }, statement);
          requireQuorum(digest, quorum);
          if (!bls.verify(bytesOf(key), encodeActivation(digest), bytesOf(activation))) refuse('BadActivation');
          const firstEpoch = epochNow() + NOTICE_EPOCHS;
          enter(generation, toHex(key, 'key', 48), firstEpoch);
          eras.push({ generation, attempt, set: bytesToHex(set), transcript: bytesToHex(transcript), firstEpoch });
        }),
      retireGeneration: (generation, lastEpoch, quorum) =>
        write(() => {
          const last = generations.at(-1);
          if (last === undefined || generation !== generations.length) refuse('NoSuchGeneration', generation);
          if (last.lastEpoch !== undefined) refuse('AlreadyRetired', generation);
          const now = epochNow();
          if (lastEpoch <= now || lastEpoch < last.firstEpoch || lastEpoch > MAX_U64) {
            refuse('EpochPassed', lastEpoch, now);
          }
          requireQuorum(hashRetirement(crypto, network, { generation, lastEpoch }), quorum);
          generations[generations.length - 1] = { ...last, lastEpoch };
        }),
    };
  }

  /** Saves generations and eras. @returns a function that restores them, as a reorganisation does. Those in force stay. */
  function takeSnapshot(): () => void {
    const before = { generations: [...generations], eras: [...eras] };
    return () => {
      if (eras.slice(before.eras.length).some(({ firstEpoch }) => firstEpoch <= epochNow())) return;
      generations.splice(0, generations.length, ...before.generations);
      eras.splice(0, eras.length, ...before.eras);
    };
  }

  return { connect, state, epochNow, takeSnapshot };
}
