import { compareBytes, equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { computeBeaconValue, encodeVrfInput } from '@ogong/protocol/beacon/beacon';
import type { BeaconMessage } from '@ogong/protocol/beacon/beacon-message';
import type { BeaconAction } from '@ogong/protocol/beacon/beacon-state';
import type { SetMember } from '@ogong/protocol/beacon/validator-set';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import {
  type BeaconKeys,
  type BeaconParty,
  beaconNetwork,
  createBeaconNetwork,
  hashSet,
  namedCrypto,
  proveByName,
} from '@ogong/testing/protocol/beacon-network';
import { defineAttack } from '../define-attack.ts';

/** Of five places: one validator that is down, two honest ones, the grinder, and the second address that it has bonded. */
const [DOWN, GRINDER, FRESH] = [0, 3, 4];
const HONEST = [1, 2];
const TIMING = { epochMs: 1_000, viewTimeoutMs: 400, gatherMs: 60, resendMs: 100 };
/** Keys that the grinder tries: enough for eight bits of its choice. */
const TRIES = 4_096;

type Contribution = Extract<BeaconMessage, { kind: 'contribution' }>;

/** State that the grinder and its second address share. */
interface Scheme {
  epoch: bigint;
  previous: Uint8Array | undefined;
  readonly proofs: Map<string, { readonly validator: Uint8Array; readonly proof: Contribution['proof'] }>;
  /** The key that it chose, and the value that it hopes for. */
  key: Uint8Array | undefined;
  hoped: string | undefined;
  /** Called once it has registered that key. */
  readonly onJoined: () => void;
}

/** The value that contributors would make if the second address had this key. */
function foresee(scheme: Scheme, set: Uint8Array, fresh: Uint8Array, key: Uint8Array): Uint8Array {
  const { epoch, previous = new Uint8Array(32) } = scheme;
  const input = encodeVrfInput(beaconNetwork, { epoch, previous, set, validator: fresh });
  const parts = [...scheme.proofs.values(), { validator: fresh, proof: proveByName(key, input) }];
  const outputs = parts
    .sort((a, b) => compareBytes(a.validator, b.validator))
    .map(({ validator, proof }) => ({
      validator,
      output: new Uint8Array([...proof.slice(0, 32), ...proof.slice(0, 32)]),
    }));
  return computeBeaconValue(namedCrypto, beaconNetwork, { epoch, previous, outputs });
}

/**
 * Stays silent, so that the epoch does not advance, and collects the proofs of the others. Then it registers its second
 * address under a key that leads to a value of its choice, and continues like an honest validator.
 */
function createGrinder(keys: BeaconKeys, scheme: Scheme, listed: SetMember[], fresh: QuorumMember): BeaconParty {
  const { signer, validators, proveVrf, reading, follow } = keys;
  let party: BeaconParty | undefined;
  const others = validators.filter(({ address }) => !equalBytes(address, signer.address));

  function grind(): void {
    const { epoch, previous } = scheme;
    if (previous === undefined || scheme.proofs.size < 2) return;
    const before = hashSet(reading());
    const proof = proveVrf(encodeVrfInput(beaconNetwork, { epoch, previous, set: before, validator: signer.address }));
    scheme.proofs.set(toHex(signer.address), { validator: signer.address, proof });
    for (let i = 0; i < TRIES; i++) {
      const key = new Uint8Array(32).fill(0xee);
      new DataView(key.buffer).setUint32(0, i);
      const set = hashSet([...listed, { ...fresh, vrfKey: key }]);
      const value = foresee(scheme, set, fresh.address, key);
      if (value[0] !== 0) continue;
      Object.assign(scheme, { key, hoped: toHex(value) });
      listed.push({ ...fresh, vrfKey: key });
      scheme.onJoined();
      return;
    }
  }

  return {
    tick(nowMs) {
      if (scheme.key === undefined) grind();
      else if (party === undefined && reading().length === listed.length) party = follow();
      return party?.tick(nowMs) ?? [];
    },
    receive(from, message, nowMs): BeaconAction[] {
      if (party !== undefined) return party.receive(from, message, nowMs);
      if (message.kind === 'contribution' && message.epoch === scheme.epoch)
        scheme.proofs.set(toHex(from), { validator: from, proof: message.proof });
      if (message.kind !== 'view') return [];
      Object.assign(scheme, { epoch: message.epoch, previous: message.previous });
      // In a view of its own the others answer this with what they prove.
      return others.map(({ address: to }) => ({ kind: 'send', to, message }));
    },
  };
}

/** One of four validators leaves nothing to chance: it joins once more, under a fresh address, with a key that suits it. */
export const vrfGrinder = defineAttack({
  name: 'vrf-grinder',
  adversary: 'validator that leaves and returns, or joins under a fresh address',
  aim: 'choose a beacon: register a fresh key once the contributions of the others are known',
  stoppedBy: 'The validators of an epoch are certified two epochs before, and each proof contains their hash',
  restarts: ['validator'],
  play({ epochs }: { readonly epochs: number }, breaks) {
    const scheme: Scheme = {
      ...{ epoch: 1n, previous: undefined, proofs: new Map(), key: undefined, hoped: undefined },
      onJoined: () => void breaks.take(),
    };
    const listed: SetMember[] = [];
    const net = createBeaconNetwork({
      ...{ size: 5, timing: TIMING, registryMs: 200 },
      registry(all) {
        if (listed.length === 0) listed.push(...all.slice(0, FRESH));
        return [...listed];
      },
      liars: {
        [DOWN]: () => ({ tick: () => [], receive: () => [] }),
        [GRINDER]: (keys) => createGrinder(keys, scheme, listed, keys.validators[FRESH] as QuorumMember),
        [FRESH](keys) {
          let party: BeaconParty | undefined;
          return {
            tick(nowMs) {
              const { key } = scheme;
              if (party === undefined && key !== undefined && keys.reading().length === listed.length)
                party = keys.follow((input) => proveByName(key, input));
              return party?.tick(nowMs) ?? [];
            },
            receive: (from, message, nowMs) => party?.receive(from, message, nowMs) ?? [],
          };
        },
      },
    });
    breaks.add('validator', () => HONEST.forEach(net.restart));
    net.runUntil(epochs * TIMING.epochMs);
    const [certified] = net.certified.get(scheme.epoch) ?? [];
    return { hoped: scheme.hoped, certified, epoch: scheme.epoch };
  },
  async stage({ play }) {
    const { hoped, certified, epoch } = play({ epochs: 30 });
    return {
      tried: `tried keys until one of them would make the beacon of epoch ${epoch} ${hoped ?? 'something else'}`,
      answered: [`certified is ${certified ?? 'nothing'}`],
      worked: certified === undefined || certified === hoped || hoped === undefined,
    };
  },
});
