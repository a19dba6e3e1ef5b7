import { type BytesLike, bytesToHex, toAddress } from '@ogong/chain/hex';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore, type Store } from '@ogong/host/store/store';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { hashValidatorSet, type SetMember } from '@ogong/protocol/beacon/validator-set';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { createKeySigner, type ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import { createBeaconArchive } from '@ogong/validator/beacon/beacon-archive';
import { createBeaconDriver } from '@ogong/validator/beacon/beacon-driver';
import { createEraStore } from '@ogong/validator/beacon/era-store';
import { createThresholdDriver } from '@ogong/validator/beacon/threshold-driver';
import { VALIDATOR_SCHEMA } from '@ogong/validator/store/schema';
import { createFakeBeaconKeys } from '../chain/fake-beacon-keys.ts';
import { namedCrypto, proveByName } from '../protocol/beacon-network.ts';
import { fakeBls } from '../protocol/fake-bls.ts';
import { fakeSealedBox } from '../protocol/fake-sealed-box.ts';
import { createTestClock, network } from './test-bench.ts';
import { testCrypto } from './test-crypto.ts';
import { createTestLedgerSigner, seedOf } from './test-keys.ts';

export const PERIOD_MS = 1_000;
const STEP_MS = 100;
/** Signatures are real. Proofs and points name their subject. */
const crypto: Crypto = { ...testCrypto, verifyVrf: namedCrypto.verifyVrf, verifyBls: fakeBls.verify };

/** A liar's replacement for a message to a receiver. */
export type ThresholdLie = (message: Uint8Array, to: number) => readonly Uint8Array[];

export interface ThresholdNode {
  readonly index: number;
  readonly signer: ValidatorSigner;
  /** Signs any bytes. */
  readonly key: LedgerSigner;
  member: SetMember;
  isOffline: boolean;
  lie: ThresholdLie | undefined;
  /** Returns the name of a validator's box key in an older block, if this node looks at that block. */
  olderBox: ((account: string) => string | undefined) | undefined;
  /** All received messages, newest last. */
  readonly heard: { readonly from: number; readonly message: Uint8Array; readonly atMs: number }[];
  /** Time at which each epoch had its value here. */
  readonly certifiedMs: Map<bigint, number>;
  /** The name of the key that opens its boxes. */
  boxName: string;
  readonly errors: string[];
  /** Needed epochs that were passed over. */
  readonly wanted: Set<bigint>;
  /** Number of missing shares that it last reported. */
  lacking: number | undefined;
  /** Whether it reported them when no answer was possible any more. */
  lacksForGood: boolean;
  /** Number of times it has read the keys from the chain. */
  readings: number;
}

function createDisk() {
  const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
  return { store, group: createGroupCommit(store), archive: createBeaconArchive(network, { crypto, store }) };
}

/**
 * Drivers of both beacons on one machine, with a chain in memory and a clock that the test moves. Messages arrive at once.
 * @param stakes of all possible validators. @param listed members of the registry at first. Default: all.
 */
export function createThresholdNetwork(stakes: readonly bigint[], { listed = stakes.length, seed = 1 } = {}) {
  const clock = createTestClock();
  const random = createSeededRandom(seed);
  const originSeconds = Math.ceil(clock.nowMs() / 1_000);
  clock.advance(originSeconds * 1_000 - clock.nowMs());
  const state = { listed: new Set(Array.from({ length: listed }, (_, i) => i)), chainBehindMs: 0 };
  const nodes: ThresholdNode[] = stakes.map((stake, index) => {
    const key = createTestLedgerSigner(seedOf(`signer ${index}`));
    const signer = createKeySigner(crypto, key, createTestLedgerSigner(seedOf(`account ${index}`)).address);
    const member = { address: signer.address, signingKey: signer.signingKey, stake, vrfKey: seedOf(`vrf ${index}`) };
    return {
      ...{
        index,
        signer,
        key,
        member,
        isOffline: false,
        lie: undefined,
        olderBox: undefined,
        heard: [],
        certifiedMs: new Map(),
      },
      ...{
        boxName: `box ${index}`,
        errors: [],
        wanted: new Set(),
        lacking: undefined,
        lacksForGood: false,
        readings: 0,
      },
    };
  });
  const members = () => nodes.filter(({ index }) => state.listed.has(index)).map(({ member }) => member);
  const chain = createFakeBeaconKeys({
    ...{ network, crypto, bls: fakeBls, originSeconds, periodSeconds: PERIOD_MS / 1_000 },
    nowSeconds: () => (clock.nowMs() - state.chainBehindMs) / 1_000,
    voters: () => members().map(({ address, signingKey, stake }) => ({ account: address, signingKey, votes: stake })),
  });
  const connect = (node: ThresholdNode) => chain.connect(bytesToHex(node.signer.address));
  const boxSecretOf = ({ boxName }: ThresholdNode): Uint8Array => seedOf(boxName);
  const registerBox = (node: ThresholdNode) => connect(node).registerBoxKey(fakeSealedBox.deriveKey(boxSecretOf(node)));

  function atOlderBlock({ olderBox }: ThresholdNode, client: ReturnType<typeof connect>): ReturnType<typeof connect> {
    const keyOf = (account: BytesLike) => {
      const name = olderBox?.(toAddress(account, 'account'));
      return name === undefined ? undefined : fakeSealedBox.deriveKey(seedOf(name));
    };
    return {
      ...client,
      async boxKeyHashes(accounts) {
        const newest = await client.boxKeyHashes(accounts);
        return accounts.map((account, i) => {
          const key = keyOf(account);
          return key === undefined ? newest[i] : bytesToHex(crypto.sha256(key));
        });
      },
      async boxKeyOf(account) {
        const key = keyOf(account);
        return key === undefined ? client.boxKeyOf(account) : bytesToHex(key);
      },
    };
  }

  function start(node: ThresholdNode, disk = createDisk()) {
    const client = connect(node);
    const eras = createEraStore(disk.store);
    let reading: Awaited<ReturnType<typeof client.beaconKeys>>;
    const deliver = async (to: Uint8Array, message: Uint8Array): Promise<void> => {
      const target = nodes.findIndex(({ signer }) => equalBytes(signer.address, to));
      for (const sent of node.lie === undefined ? [message] : node.lie(message, target)) {
        if (node.isOffline || nodes[target]?.isOffline) continue;
        nodes[target]?.heard.push({ from: node.index, message: sent, atMs: clock.nowMs() });
        await running[target]?.receive(node.signer.address, sent).catch((error) => node.errors.push(String(error)));
      }
    };
    const shared = {
      ...{ network, crypto, signer: node.signer, clock, archive: disk.archive, group: disk.group, send: deliver },
      onCertified: (epoch: bigint) => void node.certifiedMs.set(epoch, clock.nowMs()),
      onError: (error: unknown) => void node.errors.push(String(error)),
    };
    const threshold = createThresholdDriver({
      ...shared,
      ...{ bls: fakeBls, box: fakeSealedBox, boxSecret: boxSecretOf(node), eras, validators: members },
      drawSeed: () => Uint8Array.from({ length: 32 }, () => Math.floor(random() * 256)),
      beaconKeys: () => reading,
      async readBeaconKeys() {
        node.readings++;
        reading = await client.beaconKeys();
      },
      client: async () => atOlderBlock(node, client),
      onLacking({ lacking, isLasting }) {
        node.lacking = lacking;
        node.lacksForGood = isLasting;
      },
      takeRequestedEpochs() {
        const taken = [...node.wanted];
        node.wanted.clear();
        return taken;
      },
    });
    const bootstrap = createBeaconDriver(
      { network, epochMs: PERIOD_MS },
      {
        ...shared,
        proveVrf: (input) => proveByName(node.member.vrfKey, input),
        gate: threshold.gate,
        sets: {
          reading: () => ({ members: members(), block: 0n }),
          findSet: (set) => (equalBytes(set, hashValidatorSet(crypto, network, members())) ? members() : undefined),
          isListed: (set) => equalBytes(set, hashValidatorSet(crypto, network, members())),
        },
      },
    );
    return {
      disk,
      eras,
      archive: disk.archive,
      tick: () => Promise.all([threshold.tick(), bootstrap.tick()]),
      receive: (from: Uint8Array, message: Uint8Array) =>
        threshold.isForIt(message) ? threshold.receive(from, message) : bootstrap.receive(from, message),
    };
  }

  const running = nodes.map((node) => start(node));
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 25; i++) await new Promise((resolve) => setImmediate(resolve));
  };

  return {
    ...{ nodes, running, clock, chain, random, registerBox, members, domain: network },
    startOf: (epoch: bigint): number => (originSeconds + Number(epoch) * (PERIOD_MS / 1_000)) * 1_000,
    /** Sets the members of the registry from now on. */
    list(...indices: number[]): void {
      state.listed = new Set(indices);
    },
    /** Starts the process again over its disk, or over an empty one. */
    restart(index: number, { isDiskLost = false } = {}): void {
      const kept = isDiskLost ? undefined : running[index]?.disk;
      running[index] = start(nodes[index] as ThresholdNode, kept);
    },
    /** Puts the clocks of all validators ahead of the chain's. */
    putAhead(ms: number): void {
      clock.advance(ms);
      state.chainBehindMs += ms;
    },
    storeOf: (index: number): Store => running[index]?.disk.store as Store,
    async pass(ms: number, each: () => void = () => {}): Promise<void> {
      for (let i = 0; i < ms; i += STEP_MS) {
        clock.advance(STEP_MS);
        each();
        await Promise.all(
          running.map((node, index) => (nodes[index]?.isOffline ? undefined : node.tick().catch(() => undefined))),
        );
        await settle();
      }
    },
    latestOf: (index: number): bigint => running[index]?.archive.latest().epoch as bigint,
    valueOf: (index: number, epoch: bigint): string | undefined => {
      const found = running[index]?.archive.find(epoch);
      return found && toHex(found.value);
    },
    kindOf(index: number, epoch: bigint): string {
      const length = running[index]?.archive.findCertificate(epoch)?.length;
      return length === undefined ? 'none' : length === 146 ? 'threshold' : 'aggregate';
    },
  };
}

export type ThresholdNetwork = ReturnType<typeof createThresholdNetwork>;
