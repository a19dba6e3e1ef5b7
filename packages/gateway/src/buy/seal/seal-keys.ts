import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal as seal } from '@ogong/host/crypto/node-seal';
import { ApiError } from '@ogong/host/http/api-error';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { SealError } from '@ogong/protocol/sealing/seal-error';
import { type CheckedSealKey, type SignedSealKey, verifySealKey } from '@ogong/protocol/sealing/seal-key';
import type { OfferedMachine } from '@ogong/protocol/stage1/sealed-offer';
import { isAttestedTier } from '@ogong/protocol/tier/registry';
import { askMachine, MACHINE_ASKED_AGAIN_MS, showMachine } from '../match/known-machines.ts';
import type { Match } from '../match/provider-match.ts';

/** `auto`: sealed to each provider that has a seal key. `required`: nothing goes out in plain. `off`: nothing is sealed. */
export type SealPolicy = 'auto' | 'required' | 'off';

/** The seal keys of providers that this gateway has met. */
export interface KnownSealKeys {
  /**
   * Undefined if the request is sent in plain.
   * @throws ApiError if the provider must have a seal key and has none, or shows an invalid one; LinkError
   */
  find(match: Pick<Match, 'ticket'>, signal: AbortSignal): Promise<CheckedSealKey | undefined>;
  /**
   * Returns the provider's signed statement about its key, for a client that seals by itself. In a tier of attested machines it is
   * the key that the machine vouches for, with evidence for the client's nonce.
   * @throws ApiError if it has no key; LinkError
   */
  show(
    match: Pick<Match, 'ticket'>,
    options: { readonly nonce: Uint8Array; readonly signal: AbortSignal },
  ): Promise<ShownSealKey>;
  /** The provider does not know the key, because it has restarted. */
  forget(match: Pick<Match, 'ticket'>): void;
}

/** A seal key for a client, and the machine that vouches for it, if the tier has machines. */
export interface ShownSealKey {
  readonly signed: SignedSealKey;
  readonly machine?: OfferedMachine;
}

interface KnownSealKey extends CheckedSealKey {
  readonly signed: SignedSealKey;
}

const TIMEOUT_MS = 5_000;
/** A request may wait for its turn, so the key must stay valid for so long. */
const LEAST_LEFT_MS = 60_000;
const MAX_KNOWN = 4_096;
const ASKED_AGAIN_MS = 60_000;

/** Adds an entry. The oldest one makes room. */
function remember<T>(map: Map<string, T>, name: string, value: T): void {
  map.delete(name);
  for (const oldest of map.keys()) if (map.size >= MAX_KNOWN) map.delete(oldest);
  map.set(name, value);
}

export function createKnownSealKeys(
  policy: SealPolicy,
  {
    machinePolicy,
    machineIntervalMs = MACHINE_ASKED_AGAIN_MS,
    ...context
  }: {
    readonly links: LinkPool;
    readonly clock: Pick<Clock, 'nowMs'>;
    readonly ledger: LedgerDomain;
    /** Machines of tier `tee` that are believed. Default: none. */
    readonly machinePolicy?: MachinePolicy | undefined;
    /** Time between two questions to a machine. Default: ten minutes. */
    readonly machineIntervalMs?: number | undefined;
    /** Finds the network's objection to a machine. Default: nothing. */
    readonly findMachineProblem?: ChainView['findMachineProblem'] | undefined;
  },
): KnownSealKeys {
  const { links, clock, ledger } = context;
  const known = new Map<string, KnownSealKey>();
  /** Providers that seal nothing, with the time of the next question. */
  const without = new Map<string, number>();
  const nameOf = ({ ticket }: Pick<Match, 'ticket'>): string => toHex(ticket.providerId);
  /** Seal keys that a machine vouches for, with the time of the next question. */
  const machines = new Map<string, { readonly key: CheckedSealKey; readonly untilMs: number }>();

  async function findMachine(match: Pick<Match, 'ticket'>, signal: AbortSignal): Promise<CheckedSealKey> {
    const name = nameOf(match);
    const held = machines.get(name);
    if (held !== undefined && held.untilMs > clock.nowMs()) return held.key;
    machines.delete(name);
    const key = await askMachine({ ...context, policy: machinePolicy, randomBytes: seal.random }, match, signal);
    const untilMs = Math.min(clock.nowMs() + machineIntervalMs, key.expiresAtMs - LEAST_LEFT_MS);
    remember(machines, name, { key, untilMs });
    return key;
  }

  /** Asks the provider itself, whose certificate the ticket pins. Only the provider can say that it has no key. */
  async function fetchKey({ ticket }: Pick<Match, 'ticket'>, signal: AbortSignal): Promise<KnownSealKey | undefined> {
    const peer = { endpoint: ticket.providerEndpoint, certHash: ticket.providerCertHash };
    try {
      const answer = await links.to(ProviderService, peer).getSealKey({}, { timeoutMs: TIMEOUT_MS, signal });
      const { sealKey, providerKey, signature } = answer;
      const signed = { sealKey, providerKey, signature };
      const context = { ledger, providerId: ticket.providerId, nowMs: clock.nowMs() };
      return { ...verifySealKey(crypto, signed, context), signed };
    } catch (cause) {
      // The provider may be of a version that seals nothing.
      if (cause instanceof LinkError && cause.refusal === 'unsupported') return undefined;
      if (!(cause instanceof SealError)) throw cause;
      throw new ApiError('provider_busy', `Nothing can be sealed to the provider: ${cause.message}.`, { cause });
    }
  }

  async function findOwn(
    match: Pick<Match, 'ticket'>,
    { signal, isRequired }: { readonly signal: AbortSignal; readonly isRequired: boolean },
  ): Promise<KnownSealKey | undefined> {
    const name = nameOf(match);
    const held = known.get(name);
    if (held !== undefined && held.expiresAtMs - LEAST_LEFT_MS > clock.nowMs()) return held;
    known.delete(name);
    const isAsked = isRequired || (without.get(name) ?? 0) <= clock.nowMs();
    const key = isAsked ? await fetchKey(match, signal) : undefined;
    if (key !== undefined) remember(known, name, key);
    else if (isAsked) remember(without, name, clock.nowMs() + ASKED_AGAIN_MS);
    return key;
  }

  return {
    async find(match, signal) {
      if (isAttestedTier(parseModelId(match.ticket.modelId).tier)) return findMachine(match, signal);
      if (policy === 'off') return undefined;
      const isRequired = policy === 'required';
      const key = await findOwn(match, { signal, isRequired });
      if (key !== undefined || !isRequired) return key;
      throw new ApiError('provider_busy', 'The provider has no seal key, and this gateway sends nothing in plain.');
    },
    async show(match, { nonce, signal }) {
      if (isAttestedTier(parseModelId(match.ticket.modelId).tier)) {
        // Each client has a nonce of its own, so no answer is kept.
        const asked = { nonce, signal };
        const { signed, attestedKey, evidence } = await showMachine(
          { ...context, policy: machinePolicy },
          match,
          asked,
        );
        return { signed, machine: { attestedKey, evidence } };
      }
      const key = await findOwn(match, { signal, isRequired: true });
      if (key !== undefined) return { signed: key.signed };
      throw new ApiError('provider_busy', 'The provider has no seal key, so nothing can be sealed to it.');
    },
    forget(match) {
      known.delete(nameOf(match));
      machines.delete(nameOf(match));
    },
  };
}
