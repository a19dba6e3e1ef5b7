import { createAttestedRole } from '@ogong/host/attester/attested-role';
import type { HostPort } from '@ogong/host/link/host-port';
import { Refusal } from '@ogong/host/link/link-error';
import { createLinkServer, type LinkServer } from '@ogong/host/link/link-server';
import type { Repeating } from '@ogong/host/time/repeat';
import { createNewcomerAdmission } from '@ogong/host/views/newcomer-admission';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { MAX_BATCH_BYTES } from '@ogong/protocol/exchange/limits';
import { encodeMachineProof } from '@ogong/protocol/machine/machine-ejection';
import { MAX_BATCH_ENTRIES } from '@ogong/protocol/settlement/gas';
import { nameSigningKey } from '@ogong/protocol/tier/attested-role';
import type { ShownRecord } from '@ogong/protocol/tier/tier';
import { describePolicy } from '@ogong/protocol/verdict/drift-policy';
import { createAccess, ratesOf } from './access.ts';
import type { DrawnTests } from './canary/drawn-tests.ts';
import { createAdmissionMemory } from './intake/admission-memory.ts';
import { createBondRoom } from './intake/bond-room.ts';
import { createIntake, type Intake } from './intake/intake.ts';
import type { IntakeDependencies } from './intake/intake-state.ts';
import { noteIntake } from './intake/note-intake.ts';
import { createOpeningGrants } from './intake/opening-grants.ts';
import { noteProof } from './machines/eject-machine.ts';
import { createIntakeReaders, toMachineProof } from './machines/machine-evidence.ts';
import type { MachinesState } from './machines/machine-state.ts';
import { answerOnceSynced } from './once-synced.ts';
import { MAX_EVIDENCE_BYTES, type RouteDependencies } from './route-dependencies.ts';
import { createRoutes } from './routes.ts';
import { adoptTable } from './store/drift-store.ts';
import {
  getBeacon,
  getHoldings,
  getRequiredStakes,
  openValidatorState,
  type ValidatorDependencies,
  type ValidatorOptions,
  type ValidatorState,
} from './validator-state.ts';
import { wireHanding } from './wire-announcements.ts';
import { type WiredAudit, wireAudit } from './wire-audit.ts';
import { type WiredBeacon, wireBeacon } from './wire-beacon.ts';
import { wireCanaries, wireTimed } from './wire-canaries.ts';
import { repeatHearings } from './wire-hearings.ts';
import { repeatMachines, wireMachines } from './wire-machines.ts';
import { repeatPricing, wirePricing } from './wire-prices.ts';
import {
  repeatAllotting,
  wireAllotting,
  wireCosigning,
  wireLiens,
  wireReinstating,
  wireSettlement,
  wireTallyStore,
} from './wire-settlement.ts';
import { wireWitness } from './wire-witness.ts';

export interface Validator {
  start(): Promise<void>;
  stop(graceMs?: number): Promise<void>;
  address(): HostPort;
}

interface ValidatorServices extends WiredAudit {
  readonly beacon: WiredBeacon;
  readonly settling: Repeating;
  readonly reinstating: Repeating;
  readonly liens: Repeating;
  readonly hearings: Repeating;
  /** Undefined on a network without emission. */
  readonly tallying: Repeating | undefined;
  /** Undefined on a network that does not burn and mint. */
  readonly pricing: Repeating | undefined;
  /** Undefined on a network without a registry of machines. */
  readonly challenging: Repeating | undefined;
  readonly handing: Repeating;
  readonly server: LinkServer;
  readonly canaries: DrawnTests | undefined;
  readonly timed: DrawnTests;
}

/** Creates a validator: it accepts records, agrees on the beacon, audits, keeps the log, co-signs and settles. */
export function createValidator(options: ValidatorOptions, dependencies: ValidatorDependencies): Validator {
  const state = openValidatorState(options, dependencies);
  const services = wireServices(state);
  return {
    start: () => startValidator(state, services),
    stop: (graceMs = 5_000) => stopValidator(state, services, graceMs),
    address: () => services.server.address(),
  };
}

function wireServices(state: ValidatorState): ValidatorServices {
  const machines = wireMachines(state);
  const intake = wireIntake(state, machines, {
    onVerdict: (entry) => wired.report(entry),
    earn: (caller, calls) => server.earn(caller, calls),
  });
  const { contest, witness } = wireWitness(state, intake, state.stopping.signal);
  const wired: WiredAudit = wireAudit(state, {
    contest,
    findIntake: (replyId) => intake.findIntake(replyId),
    acceptShown: (submission) => intake.acceptShown(submission),
    acceptMilestoneRecord: (submission) => intake.acceptMilestoneRecord(submission),
  });
  // A new beacon selects replies, which are audited at once.
  const canaries = wireCanaries(state);
  const timed = wireTimed(state);
  const beacon = wireBeacon(state, () => {
    void wired.auditing.trigger().catch(() => undefined);
    canaries?.notice(state.archive.latest());
    timed.notice(state.archive.latest());
  });
  const settling = wireSettlement(state, { maxEntries: MAX_BATCH_ENTRIES, maxBatchBytes: MAX_BATCH_BYTES }, intake);
  const reinstating = wireReinstating(state);
  const liens = wireLiens(state);
  const hearings = repeatHearings(state);
  const handing = wireHanding(state);
  const allotting = wireAllotting(state);
  const tallying = allotting && repeatAllotting(state, allotting);
  const feed = wirePricing(state);
  const pricing = repeatPricing(state, feed);
  const challenging = machines && repeatMachines(state, machines);
  const server: LinkServer = wireServer(state, {
    ...{ beacon, intake, witness, allotting, machines, pricing: feed },
    tallyStore: wireTallyStore(state),
  });
  return {
    ...{ ...wired, beacon, settling, reinstating, liens, hearings, tallying, pricing, challenging },
    ...{ handing, server, canaries, timed },
  };
}

function wireIntake(
  state: ValidatorState,
  machines: MachinesState | undefined,
  { onVerdict, earn }: { readonly onVerdict: WiredAudit['report'] } & Required<Pick<IntakeDependencies, 'earn'>>,
): Intake {
  const { options, crypto, clock, store, group, archive, chain, verdicts, signer } = state;
  const intake = createIntake(
    { ledger: chain.ledger, verdicts, auditWindowMs: options.auditWindowMs, modelRoots: options.modelRoots },
    {
      ...{ crypto, clock, signer, store, group, archive, chain, onVerdict, earn, holdings: getHoldings(state) },
      learnOrderKey: state.learnOrderKey,
      requiredStakes: () => getRequiredStakes(state),
      getBeacon: (epoch) => getBeacon(state, epoch),
      letIn: createNewcomerAdmission({
        ...{ crypto, clock, chain, latestEpoch: async () => archive.latest().epoch },
        findValue: async (epoch) => archive.find(epoch)?.value,
        readStake: async (payee) => (await chain.client()).lockedOf(payee),
      }),
      evidenceReaders: createIntakeReaders({
        ...{ crypto, policy: options.machinePolicy },
        findMachineProblem: async (providerId, attestedKey) =>
          machines?.lapsed.get(toHex(providerId)) ?? (await chain.findMachineProblem(providerId, attestedKey)),
      }),
      onEvidenceFault: machines && ((shown) => void noteFault(state, machines, shown)),
      memory: createAdmissionMemory({
        ...{ store, clock, validator: signer.address },
        anchorOf: async (validator) => (await chain.client()).anchorOf(validator),
      }),
      room: createBondRoom({
        ...{ store, clock, client: () => chain.client(), validators: () => chain.validators() },
        onError: (err) => state.log.debug({ err }, 'the bond limit cannot be read'),
      }),
    },
  );
  return noteIntake(options.isDraining ? { ...intake, admit: refuseOrders } : intake, {
    crypto,
    clock,
    ledger: chain.ledger,
    steps: state.metrics.steps,
  });
}

/** Checks whether a refused record's own evidence proves an offence. The provider does not wait for that. */
async function noteFault(
  { log }: Pick<ValidatorState, 'log'>,
  machines: MachinesState,
  shown: ShownRecord,
): Promise<void> {
  const proof = toMachineProof(shown);
  if (proof === undefined) return;
  try {
    await noteProof(machines, encodeMachineProof(proof));
  } catch (err) {
    // Most faults prove nothing. A fault that is too large for a proof proves nothing either.
    if (!(err instanceof Refusal || err instanceof ProtocolError))
      log.warn({ err }, 'the evidence of a machine could not be checked');
  }
}

/** Refuses an order while draining. Its consumer tries another validator. */
async function refuseOrders(): Promise<never> {
  throw new Refusal('unavailable', 'this validator is draining and admits no orders');
}

function wireServer(
  state: ValidatorState,
  services: Pick<
    RouteDependencies,
    'beacon' | 'intake' | 'witness' | 'allotting' | 'tallyStore' | 'pricing' | 'machines'
  >,
): LinkServer {
  const { options, clock, store, group, archive, chain, identity, verdicts, metrics, log } = state;
  const cosigning = wireCosigning(state);
  const grants = createOpeningGrants(clock);
  const routes = createRoutes({
    ...services,
    isDraining: options.isDraining ?? false,
    archive,
    wanted: state.wanted,
    cosigning,
    store,
    verdicts,
    chain,
    grants,
    metrics,
    show: openMachine(state),
    charge: (caller, method, calls) => server.charge(caller, method, calls),
    blame: (caller, refused) => server.blame(caller, refused),
  });
  const server: LinkServer = createLinkServer(
    {
      bind: options.bind,
      identity,
      authorize: createAccess({ chain, grants }),
      methodRates: ratesOf(() => chain.validators().length),
      isKnown: (peer) => chain.findByCertHash(peer) !== undefined,
      limits: { maxMessageBytes: MAX_EVIDENCE_BYTES },
      routes: (router) => routes(answerOnceSynced(router, group)),
    },
    { onError: (err, { method }) => log.error({ err, method }, 'a call failed') },
  );
  return server;
}

/** Prepares evidence in which the machine names the key of admissions and certificates, and the link certificate. */
function openMachine({ crypto, chain, identity, signer, attester }: ValidatorState): RouteDependencies['show'] {
  if (attester === undefined) return undefined;
  const nodeId = nameSigningKey(signer.signingKey);
  const keys = { role: 'validator', ledger: chain.ledger, nodeId, certHash: identity.id } as const;
  const machine = createAttestedRole(keys, { crypto, attester });
  return async (nonce) => ({ nodeId, evidence: await machine.show(nonce) });
}

async function startValidator(state: ValidatorState, services: ValidatorServices): Promise<void> {
  const { group, clock, awake, log } = state;
  const { drift } = state.options;
  const { server, beacon, staking, auditing, settling, reinstating, liens, handing } = services;
  const { hearings, tallying, pricing, challenging } = services;
  await group.write((db) => adoptTable(db, drift, clock.nowMs()));
  if (drift) log.info({ driftTable: describePolicy(drift) }, 'a drift table decides about scores');
  await server.start();
  awake.start();
  beacon.start();
  staking.start();
  auditing.start();
  settling.start();
  reinstating.start();
  liens.start();
  hearings.start();
  tallying?.start();
  pricing?.start();
  challenging?.start();
  handing.start();
}

/** Stops all services. The store stays open. */
async function stopValidator(state: ValidatorState, services: ValidatorServices, graceMs: number): Promise<void> {
  const { awake, links, peerLinks, group } = state;
  const {
    server,
    beacon,
    staking,
    auditing,
    settling,
    reinstating,
    liens,
    hearings,
    tallying,
    pricing,
    challenging,
    handing,
    audit,
    disputes,
    canaries,
    timed,
  } = services;
  state.stopping.abort();
  await Promise.all([
    beacon.stop(),
    staking.stop(),
    auditing.stop(),
    settling.stop(),
    reinstating.stop(),
    liens.stop(),
    hearings.stop(),
    tallying?.stop(),
    pricing?.stop(),
    challenging?.stop(),
    handing.stop(),
    audit.stop(),
    canaries?.stop(),
    timed.stop(),
    server.stop(graceMs),
  ]);
  await disputes.stop();
  awake.stop();
  links.close();
  peerLinks.close();
  await group.close();
}
