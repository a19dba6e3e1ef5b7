import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Engine } from '@ogong/engine/open-engine';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { formatHostPort } from '@ogong/host/link/host-port';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore, type Store } from '@ogong/host/store/store';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createReports, VERIFIER_SCHEMA } from '@ogong/provider/verifier/report-store';
import { createVerifier } from '@ogong/provider/verifier/verifier';
import { createNamedIdentity, LOOPBACK } from '@ogong/testing/network/loopback-server';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { type PathProviderOptions, startProvider } from '../path/path-provider.ts';
import {
  type DecidedReply,
  type PathValidator,
  type PathValidatorOptions,
  startValidator,
} from '../path/path-validator.ts';
import type { Attack } from './attack.ts';
import { bendCommit } from './draws/bend-commit.ts';
import { type ConsumedReply, consume, createOrder, MODEL_ID, PRICE, toProvider } from './path-consumer.ts';
import { createEvidenceKeeper } from './served-evidence.ts';

/** One reply as the consumer, the intake, the audit and the verdict saw it, over the network. */
export interface PathReply extends ConsumedReply, DecidedReply {}

export interface PathProvider {
  /** @param request a body without its model. @param endpoint what it asks for. Default: chat. */
  readonly ask: (request: object, endpoint?: string) => Promise<PathReply>;
  /** Settles the decided replies. @returns everything that the payee has been paid so far, atomic. */
  readonly settle: () => Promise<bigint>;
  readonly close: () => Promise<void>;
}

/** The parts of a provider. An honest one has only an engine. */
export type PathAttack = Pick<Attack, 'bendReply' | 'openOpening'> &
  Pick<PathProviderOptions, 'bendBlobs'> & { readonly engine: Engine };

export interface AttackPath {
  /** Starts the provider role with an attacker's parts. Its key and its payee are made from `name`. */
  readonly start: (name: string, attack: PathAttack) => Promise<PathProvider>;
  /** Database of the validator. */
  readonly store: Store;
  readonly close: () => Promise<void>;
}

export interface AttackPathOptions extends Pick<PathValidatorOptions, 'audit'> {
  /** Verifiers of operators of their own. Their reports eject a provider only if there are three. Default: 1. */
  readonly verifiers?: number;
  /** Replaces the engine of a verifier. @param keyHash of its key for reports. Default: all run the sold model. */
  readonly bendVerifier?: (keyHash: Uint8Array) => Engine;
}

const log = createLogger({ name: 'test', level: 'silent' });

/**
 * The roles of the network over real links, on the test's clock: one validator, one verifier, and providers that are
 * started and closed. The consumer treats a reply as a gateway does.
 * @param engine the model that is sold; the verifiers run it. The caller closes it.
 * @param directory where providers store their replies.
 */
export async function openAttackPath(
  engine: Engine,
  directory: string,
  { verifiers = 1, audit, bendVerifier = () => engine }: AttackPathOptions = {},
): Promise<AttackPath> {
  const validator = await startValidator({ audit });
  const names = Array.from({ length: verifiers }, (_, i) => (i === 0 ? 'verifier' : `verifier ${i + 1}`));
  const running = await Promise.all(names.map((name) => startVerifier(bendVerifier, validator, name)));
  const links = createLinkPool({ identity: await createNamedIdentity('consumer'), dialPolicy: 'any' });
  const { clock, archive } = validator;
  let orders = 0;

  return {
    store: validator.store,
    async start(name, attack) {
      for (const verifier of running) await verifier.announce();
      const keeper = createEvidenceKeeper(join(directory, name));
      const { payee, ...provider } = await startProvider(name, {
        ...{ validator, commit: bendCommit(attack) },
        offers: [{ modelId: MODEL_ID, pricePer1kAtomic: PRICE, engine: attack.engine }],
        bendOpenings: (openings) => keeper.bendOpenings(openings, attack),
        bendBlobs: attack.bendBlobs,
      });
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

/** Starts a verifier that runs the engine which `bend` returns for its report key. */
export async function startVerifier(
  bend: NonNullable<AttackPathOptions['bendVerifier']>,
  validator: PathValidator,
  name: string,
) {
  const { clock, chain } = validator;
  const identity = await createNamedIdentity(name);
  const signer = createTestHybrid(`${name} reports`);
  const engine = bend(hashHybridKey(crypto, signer.publicKey));
  const store = openStore(':memory:', { schema: VERIFIER_SCHEMA });
  const commits = createGroupCommit(store);
  const reports = createReports(store, commits);
  const metrics = createMetrics('verifier');
  const verifier = createVerifier(
    { bind: LOOPBACK },
    { engines: [engine], crypto, clock, signer, reports, randomBytes, identity, chain, log, metrics },
  );
  await verifier.start();
  const endpoint = formatHostPort(verifier.address());
  const { modelRoot, contextSize, numericClass } = engine.info();
  let sequence = 0n;
  return {
    /** Called repeatedly, because the test's clock jumps past the lifetime of an announcement. */
    announce() {
      const slots = { modality: 'text', capacity: 1, freeCapacity: 1 };
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
