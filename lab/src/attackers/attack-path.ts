import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { formatHostPort } from '@ogong/host/link/host-port';
import { LinkError } from '@ogong/host/link/link-error';
import { createLinkIdentity, type LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { createLinkServer } from '@ogong/host/link/link-server';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { createValidatorMetrics } from '@ogong/node/validator/metrics';
import { createOpeningGrants } from '@ogong/node/validator/opening-grants';
import { createRoutes } from '@ogong/node/validator/routes';
import { checkEntry } from '@ogong/node/validator/settlement/batch-check';
import { signRound } from '@ogong/node/validator/witness/reveal-word';
import { equalBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { MAX_ANNOUNCEMENT_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { computeReplyId, parseOrder } from '@ogong/protocol/exchange/order';
import { ProviderService, VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { ServingEngine } from '@ogong/provider/provider/offers';
import { createProvider } from '@ogong/provider/provider/provider';
import { createOpenings, PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';
import { createReports, VERIFIER_SCHEMA } from '@ogong/provider/verifier/report-store';
import { createVerifier } from '@ogong/provider/verifier/verifier';
import { until } from '@ogong/testing/provider/provider-fixture';
import { createTestClock, createTestValidator, ledger, network } from '@ogong/testing/validator/test-bench';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { toSummaryMessage } from '@ogong/testing/validator/test-reply';
import type { Attack } from './attack.ts';
import { bendCommit } from './bend-commit.ts';
import { type ConsumedReply, consume, createOrder, MODEL_ID, PRICE, toProvider } from './path-consumer.ts';
import { createEvidenceKeeper } from './served-evidence.ts';

/** One reply as the consumer, the intake, the audit and the verdict saw it, over the network. */
export interface PathReply extends ConsumedReply {
  /** Why the validator's intake refused the record. */
  readonly intake: string | undefined;
  /** Checks of the audit: stage 1, then those of the verifier's report. */
  readonly audit: readonly Check[];
  readonly verdict: VerdictEntry;
  /** Recomputes the verdict from its evidence, as a co-signer does. @throws CosignError where the result differs. */
  readonly confirm: () => Promise<void>;
}

export interface PathProvider {
  /** @param request a body without its model. @param endpoint what it asks for. Default: chat. */
  readonly ask: (request: object, endpoint?: string) => Promise<PathReply>;
  /** Settles the decided replies. @returns everything that the payee has been paid so far, atomic. */
  readonly settle: () => Promise<bigint>;
  readonly close: () => Promise<void>;
}

/** The parts of a provider. An honest one has only an engine. */
export type PathAttack = Pick<Attack, 'bendReply' | 'openOpening'> & { readonly engine: ServingEngine };

export interface AttackPath {
  /** Starts the provider role with an attacker's parts. Its key and its payee are made from `name`. */
  readonly start: (name: string, attack: PathAttack) => Promise<PathProvider>;
  readonly close: () => Promise<void>;
}

/** Real time that an answer may take. After that the test's clock moves on, and the validator asks again. */
const OPENING_MS = 500;
/** How far the test's clock moves on while nothing is decided yet. */
const STEP_MS = 10_000;
const MOST_LOOKS = 100;
const bind = { host: '127.0.0.1', port: 0 };
const log = createLogger({ name: 'test', level: 'silent' });
const seedOf = (text: string): Uint8Array => crypto.sha256(utf8Encode(text));
const createIdentity = (name: string): Promise<LinkIdentity> => createLinkIdentity(new Secret(seedOf(`link ${name}`)));

/**
 * The roles of the network over real links, on the test's clock: intake, audit and settlement of one validator, one verifier,
 * and providers that are started and closed. The consumer treats a reply as a gateway does.
 * @param engine the model that is sold; the verifiers run it. The caller closes it.
 * @param directory where providers store their replies.
 * @param verifiers of operators of their own. Whoever is to be ejected by their reports needs three. Default: 1.
 */
export async function openAttackPath(engine: ServingEngine, directory: string, verifiers = 1): Promise<AttackPath> {
  const validator = await startValidator();
  const names = Array.from({ length: verifiers }, (_, i) => (i === 0 ? 'verifier' : `verifier ${i + 1}`));
  const running = await Promise.all(names.map((name) => startVerifier(engine, validator, name)));
  const links = createLinkPool({ identity: await createIdentity('consumer') });
  const { clock, archive } = validator;
  let orders = 0;

  return {
    async start(name, attack) {
      for (const verifier of running) await verifier.announce();
      const { payee, ...provider } = await startProvider(name, attack, { validator, directory });
      return {
        async ask(request, endpoint = 'chat') {
          const { id, peer } = provider;
          const nowMs = clock.nowMs();
          const ordered = createOrder(request, {
            ...{ number: ++orders, providerId: id, peer, payee: payee.address, nowMs, info: engine.info(), endpoint },
            ...{ validator: validator.signer.address, epoch: archive.latest().epoch },
          });
          const certificate = archive.findCertificate(ordered.order.epoch);
          const seen = await consume(ordered, { provider: toProvider(links, peer), certificate, nowMs });
          return { ...seen, ...(await validator.decide(ordered.order.replyId, seen.header !== undefined)) };
        },
        settle: () => validator.settle(payee.address),
        close: provider.close,
      };
    },
    async close() {
      links.close();
      await Promise.all(running.map((verifier) => verifier.close()));
      await validator.close();
    },
  };
}

type PathValidator = Awaited<ReturnType<typeof startValidator>>;

async function startValidator() {
  const identity = await createIdentity('validator');
  const links = createLinkPool({ identity });
  const clock = createTestClock();
  const bench = createTestValidator({
    clock,
    async getOpening(provider, replyId, { timeoutMs, signal }) {
      try {
        const call = { timeoutMs: OPENING_MS, signal };
        return (await links.to(ProviderService, provider).getOpening({ replyId }, call)).opening;
      } catch (error) {
        if (error instanceof LinkError && error.code === 'timeout') clock.advance(timeoutMs);
        throw error;
      }
    },
    calls: {
      commit: (verifier, job, call) => links.to(VerifierService, verifier).commit(job, call),
      async reveal(verifier, job, call) {
        const word = await signRound({ crypto, ledger, signer: bench.signer }, job);
        return links.to(VerifierService, verifier).reveal({ ...job, round: [...job.round], word }, call);
      },
    },
    audit: { honeypotPpm: 0, callTimeoutMs: 30_000 },
  });
  const { archive, store, cosigning, signer, decided } = bench;
  /** Why the intake refused a record, by hex reply id; undefined if it took the record. */
  const handedIn = new Map<string, string | undefined>();
  const announced = new Set<string>();
  const intake: typeof bench.intake = {
    ...bench.intake,
    async pushRecord(submission) {
      const replyId = toHex(computeReplyId(crypto, ledger, parseOrder(submission.order.order)));
      try {
        const answer = await bench.intake.pushRecord(submission);
        handedIn.set(replyId, undefined);
        return answer;
      } catch (error) {
        handedIn.set(replyId, (error as Error).message.replace(/^\[\w+\] |:.*/gs, ''));
        throw error;
      }
    },
    async announce(signed, caller) {
      await bench.intake.announce(signed, caller);
      announced.add(toHex(caller));
    },
  };
  let endpoint = '';
  const member = () => ({ ...bench.member, certHash: identity.id, endpoint });
  const chain = {
    ledger,
    validators: () => [member()],
    findByAddress: (address: Uint8Array) => (equalBytes(address, signer.address) ? member() : undefined),
    findByCertHash: (hash: Uint8Array) => (equalBytes(hash, identity.id) ? member() : undefined),
    recallByCertHash: (hash: Uint8Array) => (equalBytes(hash, identity.id) ? member() : undefined),
    channel: async () => ({ ...FULL, spent: 0n, releasing: 0n, releasableAt: 0n }),
  };
  const verdicts = { crypto, chainId: ledger.chainId, validator: signer.address };
  const metrics = createValidatorMetrics(createMetrics('validator'));
  const beacon = { receive: () => Promise.reject(new Error('there is one validator only')) };
  const grants = createOpeningGrants(bench.clock);
  const routes = createRoutes({
    ...{ intake, archive, beacon, cosigning, store, verdicts, chain, grants, metrics },
    witness: bench.witnessing,
  });
  const server = createLinkServer({ bind, identity, authorize: () => true, routes });
  await server.start();
  endpoint = formatHostPort(server.address());

  return {
    ...bench,
    chain,
    isAnnounced: (certHash: Uint8Array) => announced.has(toHex(certHash)),
    /** The audit of one reply, under the beacon of the next epoch. */
    async decide(
      replyId: Uint8Array,
      isServed: boolean,
    ): Promise<Pick<PathReply, 'intake' | 'audit' | 'verdict' | 'confirm'>> {
      const key = toHex(replyId);
      if (isServed) await until(() => handedIn.has(key));
      await bench.certify();
      const find = () => decided.find((entry) => equalBytes(entry.replyId, replyId));
      for (let looks = 0; find() === undefined; looks++) {
        if (looks === MOST_LOOKS) throw new Error(`nothing came of reply ${key}`);
        if (looks > 0) clock.advance(STEP_MS);
        await bench.runSittings();
      }
      const audit = JSON.parse(bench.find(replyId).checks ?? '[]') as Check[];
      const verdict = find() as VerdictEntry;
      const confirm = async () => {
        const { submission, evidence = new Uint8Array(0) } = bench.find(replyId);
        const record = submission && toSummaryMessage(submission);
        await checkEntry(cosigning, signer.address, verdict, { record, evidence } as Parameters<typeof checkEntry>[3]);
      };
      return { intake: handedIn.get(key), audit, verdict, confirm };
    },
    async settle(payee: Uint8Array): Promise<bigint> {
      while (await bench.settlement.step());
      const lines = bench.chain.settled.flatMap((call) => call.lines);
      return lines.reduce((sum, line) => (equalBytes(line.payee as Uint8Array, payee) ? sum + line.gross : sum), 0n);
    },
    async close() {
      await server.stop(0);
      links.close();
      await bench.close();
    },
  };
}

async function startVerifier(engine: ServingEngine, validator: PathValidator, name: string) {
  const { clock, chain } = validator;
  const identity = await createIdentity(name);
  const signer = createTestHybrid(`${name} reports`);
  const store = openStore(':memory:', { schema: VERIFIER_SCHEMA });
  const commits = createGroupCommit(store);
  const reports = createReports(store, commits);
  const metrics = createMetrics('verifier');
  const verifier = createVerifier(
    { bind },
    { engines: [engine], crypto, clock, signer, reports, randomBytes, identity, chain, log, metrics },
  );
  await verifier.start();
  const endpoint = formatHostPort(verifier.address());
  const { modelRoot, contextSize, numericClass } = engine.info();
  let sequence = 0n;
  return {
    /** Called repeatedly, because the test's clock jumps past the lifetime of an announcement. */
    announce() {
      const slots = { capacity: 1, freeCapacity: 1 };
      const models = [{ modelId: MODEL_ID, modelRoot, pricePer1kAtomic: PRICE, contextSize, numericClass, ...slots }];
      const place = { endpoint, certHash: identity.id };
      const said = { ...place, models, verifier: { ...place, keyHash: verifier.keyHash }, sequence: ++sequence };
      return validator.announce(createTestHybrid(name), said, createTestPayee(name), signer);
    },
    async close() {
      await verifier.stop(0);
      await commits.close();
      store.close();
    },
  };
}

const FULL = { admitted: 10n ** 30n, spendable: 10n ** 30n };

interface PathPlace {
  readonly validator: PathValidator;
  readonly directory: string;
}

async function startProvider(name: string, attack: PathAttack, { validator, directory }: PathPlace) {
  const { clock, chain, archive } = validator;
  const identity = await createIdentity(name);
  const payee = createTestPayee(name);
  const store = openStore(':memory:', { schema: PROVIDER_SCHEMA });
  const commits = createGroupCommit(store);
  const keeper = createEvidenceKeeper(join(directory, name));
  const readBeacon = (epoch: bigint) => {
    const point = archive.find(epoch) as NonNullable<ReturnType<typeof archive.find>>;
    return { ...point, epoch, certificate: archive.findCertificate(epoch) ?? new Uint8Array(0) };
  };
  const provider = createProvider(
    // The longest lifetime, so that an announcement stays valid when the test's clock jumps.
    {
      bind,
      offers: [{ modelId: MODEL_ID, pricePer1kAtomic: PRICE, engine: attack.engine }],
      routers: [],
      announceIntervalMs: MAX_ANNOUNCEMENT_LIFETIME_MS / 3,
    },
    {
      ...{ crypto, clock, payee, identity, store, log, chain: { ...chain, network } },
      signer: createTestHybrid(name),
      beacons: { latest: () => readBeacon(archive.latest().epoch), get: async (epoch) => readBeacon(epoch) },
      readPayments: async () => ({ grossAtomic: 0n, nextBlock: 1 }),
      openings: keeper.bendOpenings(createOpenings(store, commits), attack),
      commit: bendCommit(attack),
      metrics: createMetrics('provider'),
    },
  );
  await provider.start();
  await until(() => validator.isAnnounced(identity.id));
  return {
    id: provider.id,
    peer: { endpoint: formatHostPort(provider.address()), certHash: identity.id },
    payee,
    async close() {
      await provider.stop(0);
      await commits.close();
      store.close();
    },
  };
}
