import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import type { Clock } from '@ogong/host/time/clock';
import type { BeaconView, KnownBeacon } from '@ogong/host/views/beacon-view';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { type RoleEvidenceAnswer, RouterService, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import {
  ATTESTED_ROLES,
  type AttestedRole,
  computeRoleNonce,
  encodeRoleEvidence,
  nameSigningKey,
  rolePart,
} from '@ogong/protocol/tier/attested-role';

/** A router, or a validator, has shown no machine that this gateway believes. Another one may. */
export class UnattestedError extends ApiError {}

/** The evidence of a role's machine for one epoch, after it passed. */
export interface ShownRole {
  /** Hash of the key that it signs with. */
  readonly nodeId: Uint8Array;
  /** The evidence as a receipt carries it. */
  readonly part: Uint8Array;
}

/** The machines of routers and validators, for requests that demand them. */
export interface AttestedRoles {
  /** Asks a router for its evidence before the request is sent to it. @throws UnattestedError */
  askRouter(router: Peer, signal: AbortSignal): Promise<ShownRole>;
  /** Picks the first validator whose machine passes, the wanted one before the others. @throws UnattestedError if none does */
  pickValidator(wanted: QuorumMember, all: readonly QuorumMember[], signal: AbortSignal): Promise<QuorumMember>;
  /**
   * Collects the evidence for the receipt of an order under this beacon. @param by.routerKey signed the ticket. @throws
   * UnattestedError
   */
  show(
    roles: readonly AttestedRole[],
    by: { readonly router: Peer; readonly routerKey: Uint8Array; readonly validator: QuorumMember },
    beacon: KnownBeacon,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Uint8Array>>;
}

/** The machines that a request, or its gateway, may demand. */
export interface AttestedContext {
  /** Default: no machine is asked, and a request that demands one is refused. */
  readonly attested?: AttestedRoles;
  /** Roles whose machines every request demands. Default: none. */
  readonly demandedRoles?: readonly AttestedRole[];
}

/** Lists the roles whose machines a request, or its gateway, demands. */
export const listDemandedRoles = (
  { demandedRoles = [] }: AttestedContext,
  { preference }: Pick<CommonRequest, 'preference'>,
): readonly AttestedRole[] =>
  ATTESTED_ROLES.filter((role) => demandedRoles.includes(role) || preference?.attested.includes(role));

/** @throws UnattestedError if this gateway asks no machines. */
export function getAttestedRoles({ attested }: AttestedContext): AttestedRoles {
  if (attested === undefined) throw refuse('validator', 'this gateway asks no machines');
  return attested;
}

export interface AttestedRolesDependencies {
  readonly links: LinkPool;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly ledger: LedgerDomain;
  readonly beacon: Pick<BeaconView, 'latest'>;
  /** Undefined if this gateway believes no machine. */
  readonly policy: MachinePolicy | undefined;
}

const TIMEOUT_MS = 15_000;
const MAX_KNOWN = 256;

export function createAttestedRoles(dependencies: AttestedRolesDependencies): AttestedRoles {
  const { beacon: beacons, policy } = dependencies;
  /** By role, certificate and epoch: a machine is asked once in each epoch. */
  const known = new Map<string, Promise<ShownRole>>();
  /** Validators whose machines failed in this epoch. Asking each of them again could use up the patience of every request. */
  const failed = new Map<string, UnattestedError>();
  let taken = '';

  const nameOf = (role: AttestedRole, { certHash }: Pick<Peer, 'certHash'>, { epoch }: Pick<KnownBeacon, 'epoch'>) =>
    `${role} ${toHex(certHash)} ${epoch}`;

  /** Forgets all evidence if the list of images changed: the chain may remove images within an epoch. */
  function forgetOtherImages(): void {
    const now = JSON.stringify([policy?.images, policy?.boots]);
    if (now === taken) return;
    taken = now;
    known.clear();
    failed.clear();
  }

  function ask(role: AttestedRole, peer: Peer, beacon: KnownBeacon): Promise<ShownRole> {
    forgetOtherImages();
    const name = nameOf(role, peer, beacon);
    const held = known.get(name);
    if (held !== undefined) return held;
    const asked = askMachine(dependencies, { role, peer, beacon });
    remember(known, name, asked);
    asked.catch(() => known.get(name) === asked && known.delete(name));
    return asked;
  }

  async function askValidator(validator: QuorumMember, beacon: KnownBeacon): Promise<ShownRole> {
    const shown = await ask('validator', validator, beacon);
    if (equalBytes(shown.nodeId, nameSigningKey(validator.signingKey))) return shown;
    throw refuse('validator', 'it vouches for another signing key than the registry has');
  }

  return {
    askRouter: (router, signal) => untilLeft(ask('router', router, beacons.latest()), signal),
    async pickValidator(wanted, all, signal) {
      let last: unknown;
      for (const validator of [wanted, ...all.filter((one) => !equalBytes(one.address, wanted.address))]) {
        const beacon = beacons.latest();
        const name = nameOf('validator', validator, beacon);
        forgetOtherImages();
        last = failed.get(name);
        if (last !== undefined) continue;
        try {
          await untilLeft(askValidator(validator, beacon), signal);
          return validator;
        } catch (error) {
          if (!(error instanceof UnattestedError)) throw error;
          remember(failed, name, error);
          last = error;
        }
      }
      throw last;
    },
    async show(roles, { router, routerKey, validator }, beacon, signal) {
      const askSigner = async (): Promise<ShownRole> => {
        const own = await ask('router', router, beacon);
        if (equalBytes(own.nodeId, hashHybridKey(crypto, routerKey))) return own;
        throw refuse('router', 'its machine vouches for another key than the ticket has');
      };
      const shown = await Promise.all(
        roles.map(async (role) => {
          const { part } = await untilLeft(role === 'router' ? askSigner() : askValidator(validator, beacon), signal);
          return [rolePart(role), part] as const;
        }),
      );
      return new Map(shown);
    },
  };
}

/** Adds an entry. The oldest one makes room. */
function remember<T>(map: Map<string, T>, name: string, value: T): void {
  for (const oldest of map.keys()) if (map.size >= MAX_KNOWN) map.delete(oldest);
  map.set(name, value);
}

/** Waits for an answer until the caller leaves. Others may wait for the same answer, so the question goes on. */
async function untilLeft<T>(asked: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  try {
    return await Promise.race([promise, asked]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

async function askMachine(
  { links, clock, ledger, policy }: AttestedRolesDependencies,
  { role, peer, beacon }: { readonly role: AttestedRole; readonly peer: Peer; readonly beacon: KnownBeacon },
): Promise<ShownRole> {
  if (policy === undefined)
    throw refuse(role, 'this gateway has no policy for machines (--machine-policy), so it believes none');
  const { certHash } = peer;
  const { epoch, value } = beacon;
  const nonce = computeRoleNonce(crypto, { epoch, beacon: value, certHash });
  const { nodeId, evidence } = await fetchEvidence(links, { role, peer, nonce });
  if (nodeId.length !== certHash.length) throw refuse(role, 'its machine names no key');
  const keys = { role, ledger, nodeId, certHash, evidence };
  const { checkRoleMachine } = await import('@ogong/attestation/role-check');
  const check = await checkRoleMachine(keys, { epoch, value }, { crypto, policy, nowMs: clock.nowMs() });
  if (check.status !== 'pass') throw refuse(role, check.detail);
  return { nodeId, part: encodeRoleEvidence({ certHash, evidence }) };
}

async function fetchEvidence(
  links: LinkPool,
  { role, peer, nonce }: { readonly role: AttestedRole; readonly peer: Peer; readonly nonce: Uint8Array },
): Promise<RoleEvidenceAnswer> {
  const options = { timeoutMs: TIMEOUT_MS };
  try {
    return role === 'router'
      ? await links.to(RouterService, peer).getEvidence({ nonce }, options)
      : await links.to(ValidatorService, peer).getEvidence({ nonce }, options);
  } catch (cause) {
    if (!(cause instanceof LinkError)) throw cause;
    throw refuse(role, cause.message, cause);
  }
}

const CODES = { router: 'router_unreachable', validator: 'validator_unreachable' } as const;

export const refuse = (role: AttestedRole, why: string, cause?: unknown): UnattestedError =>
  new UnattestedError(CODES[role], `Nothing is sent: the request demands an attested ${role}, and ${why}.`, { cause });
