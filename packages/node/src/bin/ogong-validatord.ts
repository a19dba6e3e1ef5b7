#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { type AppealSubject, FREEZE_PERIOD_S } from '@ogong/chain/cases';
import type { Deployment } from '@ogong/chain/deployment';
import { rosterOf } from '@ogong/chain/roster';
import { describeAttester, openAttester } from '@ogong/host/attester/tee-config';
import { ConfigError } from '@ogong/host/config/config-error';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { hashEvidence, readEvidence } from '@ogong/host/config/read-evidence';
import { createFastBls } from '@ogong/host/crypto/fast-bls';
import { loadLedgerKey } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { enterLatestDirectory } from '@ogong/host/files/data-directory';
import { writePublicFile } from '@ogong/host/files/private-files';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { formatHostPort } from '@ogong/host/link/host-port';
import { Refusal } from '@ogong/host/link/link-error';
import { loadCertificatePin } from '@ogong/host/link/link-identity';
import { createLogger } from '@ogong/host/log/logger';
import { createObservation } from '@ogong/host/metrics/observation';
import { bindLedger } from '@ogong/host/store/ledger-binding';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { createChainView } from '@ogong/host/views/chain-view';
import type { JudgedEvidence } from '@ogong/host/views/judge-by-chain';
import { openMachinePolicy } from '@ogong/host/views/machine-policy';
import { openModelRoots } from '@ogong/host/views/model-roots';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { nobleSealedBox } from '@ogong/protocol/crypto/noble-sealed-box';
import { computeVrfPublicKey } from '@ogong/protocol/crypto/vrf';
import { areRates } from '@ogong/protocol/modality/text/drift/drift-verdict';
import type { Conviction } from '@ogong/protocol/settlement/conviction';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import type { ThresholdParts } from '../validator/beacon/threshold-state.ts';
import { loadDriftPolicy } from '../validator/load-drift-policy.ts';
import { judgeEjection } from '../validator/machines/eject-machine.ts';
import { readReceiptProof } from '../validator/machines/receipt-proof.ts';
import { type KeyOptions, openKeys, openSigningKey } from '../validator/open-keys.ts';
import { readPriceSource } from '../validator/prices/price-source.ts';
import { readCanaries } from '../validator/read-canaries.ts';
import { registerValidator } from '../validator/register.ts';
import { signAcquittal, submitAcquittal } from '../validator/settlement/acquittal.ts';
import { signAllotment, submitAllotment } from '../validator/settlement/allotment.ts';
import { signCharge, signConviction, submitCharge, submitConviction } from '../validator/settlement/conviction.ts';
import { signPardon, submitPardon } from '../validator/settlement/pardon.ts';
import { approveReinstatement } from '../validator/settlement/reinstate.ts';
import { signRevocation, submitRevocation } from '../validator/settlement/revoke-machine.ts';
import { findDelayProblem } from '../validator/settlement/withdrawal-delay.ts';
import { keepProof } from '../validator/store/machine-proof-store.ts';
import { VALIDATOR_SCHEMA } from '../validator/store/schema.ts';
import { createValidator } from '../validator/validator.ts';
import {
  acquitConfig,
  allotConfig,
  consentConfig,
  convictConfig,
  ejectMachineConfig,
  pardonConfig,
  registerConfig,
  reinstateConfig,
  revokeMachineConfig,
  setSignerConfig,
  validatorConfig,
} from '../validator/validator-config.ts';
import type { BurnAndMintDuty } from '../validator/validator-state.ts';
import { computeCallLimit } from '../validator/wire-audit.ts';

const NAME = 'ogong-validatord';
const RANDOM_STEPS = 2 ** 40;

async function run(argv: readonly string[]): Promise<Daemon> {
  const parsed = validatorConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { values } = parsed;
  if ((values.verifierEndpoint === undefined) !== (values.verifierCert === undefined)) {
    throw new ConfigError(NAME, ['--verifier-endpoint and --verifier-cert are given together']);
  }
  if (!areRates({ reject: values.falseReject, doubt: values.falseDoubt })) {
    throw new ConfigError(NAME, ['--false-doubt is at least --false-reject']);
  }
  const canaries = readCanaries(NAME, values, () => randomInt(RANDOM_STEPS) / RANDOM_STEPS);
  const logger = createLogger({ name: NAME, level: values.logLevel });
  enterLatestDirectory(values.dataDir);
  const { deployment, openSigner, vrfSeed, boxSecret, identity, connect } = await openKeys(NAME, values);
  const { signer, close: closeSigner } = await openSigner();
  if (values.certOut !== undefined) writePublicFile(values.certOut, identity.certificateDer);
  const chain = createChainView(
    { deployment, refreshMs: values.registryInterval },
    { connect, onError: (err) => logger.warn({ err }, 'the chain cannot be read') },
  );
  const modelRoots = openModelRoots(NAME, values, {
    client: chain.client,
    onError: (err) => logger.warn({ err }, 'the model registry cannot be read'),
  });
  const observation = createObservation({ name: NAME, role: 'validator', log: logger }, values);
  const { metrics } = observation;
  const attester = openAttester(NAME, values);
  const store = openStore(join(values.dataDir, 'validator.db'), {
    schema: VALIDATOR_SCHEMA,
    upgrades: RELEASED.validator,
  });
  bindLedger(store, chain.ledger);
  await chain.refresh().catch((err: unknown) => logger.warn({ err }, 'the chain cannot be read yet'));
  const parameters = chain.parameters();
  const times = { epochMs: values.epochMs, windowMs: values.auditWindow, graceMs: values.grace };
  const problem =
    parameters &&
    findDelayProblem(parameters.limits.withdrawalDelay, {
      ...times,
      callTimeoutMs: computeCallLimit(values.auditWindow),
    });
  if (problem !== undefined) throw new ConfigError(NAME, [problem]);
  const named = parameters?.driftTable;
  const drift = loadDriftPolicy(nodeCrypto, values, { named, store, log: logger });
  const machines = openMachinePolicy(NAME, values, {
    ...{ client: chain.client, refreshMs: values.registryInterval },
    onChange: (problem) => logger.info({ problem }, 'which images of machines are taken has changed'),
    onError: (err) => logger.warn({ err }, 'the list of images cannot be read'),
  });
  await machines.trigger().catch((err: unknown) => logger.warn({ err }, 'the list of images cannot be read yet'));
  const validator = createValidator(
    {
      bind: values.bind,
      alpha: values.alpha,
      extraAlpha: values.extraAlpha,
      pairs: values.pairs,
      epochMs: values.epochMs,
      settleMs: values.settleInterval,
      auditWindowMs: values.auditWindow,
      graceMs: values.grace,
      retentionMs: values.retention,
      isDraining: values.drain,
      auditConcurrency: values.audits,
      minSignatures: values.quorum,
      sums: {
        ...{ bls: await createFastBls(), above: values.sumAbove },
        roster: nameContract(deployment.chainId, rosterOf(deployment)),
      },
      fixedVerifier:
        values.verifierEndpoint && values.verifierCert
          ? { endpoint: values.verifierEndpoint, certHash: loadCertificatePin(values.verifierCert) }
          : undefined,
      drift,
      modelRoots,
      machinePolicy: machines.policy,
      canaries,
      emission: deployment.emission && nameContract(deployment.chainId, deployment.emission),
      burnAndMint: readDuty(values, deployment),
      machines: deployment.machines && nameContract(deployment.chainId, deployment.machines),
      peerEndpoints: new Map(values.peer.map(({ endpoint, certHash }) => [toHex(certHash), endpoint])),
    },
    {
      ...{ crypto: nodeCrypto, clock: systemClock, store, signer, vrfSeed, identity, chain, log: logger, metrics },
      attester,
      threshold: deployment.beaconKeys === undefined ? undefined : await openThreshold(boxSecret),
    },
  );

  if (chain.validators().length > 0 && chain.findByAddress(signer.address) === undefined) {
    logger.warn('this validator is not registered: run ogong-validatord register');
  }
  const listed = chain.findByAddress(signer.address);
  if (listed !== undefined && !equalBytes(listed.signingKey, signer.signingKey)) {
    const [named, own] = [listed.signingKey, signer.signingKey].map((key) => `0x${toHex(key)}`);
    logger.error({ named, own }, 'the registry has another signing key: nothing that this validator signs counts');
  }
  if (listed !== undefined && !equalBytes(listed.vrfKey, computeVrfPublicKey(vrfSeed))) {
    logger.error('vrf.key is not the key that the registry has: this validator has no part in the beacon');
  }
  await validator.start();
  chain.start();
  machines.start();
  await observation.start();
  return {
    ready: {
      ...observation.ready,
      address: validator.address(),
      validator: `0x${toHex(signer.address)}`,
      signingKey: `0x${toHex(signer.signingKey)}`,
      consensusId: toHex(identity.id),
      ...(attester && describeAttester(attester)),
    },
    async stop() {
      await validator.stop();
      await Promise.all([chain.stop(), machines.stop(), observation.stop()]);
      store.close();
      closeSigner();
    },
  };
}

async function register(argv: readonly string[]): Promise<Daemon> {
  const parsed = registerConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { values } = parsed;
  const { deployment, vrfSeed, boxSecret, readHeadKey, identity, connect } = await openKeys(NAME, values);
  const client = await connect();
  const isThreshold = deployment.beaconKeys !== undefined;
  const outcome = await registerValidator(client, {
    endpoint: formatHostPort(values.endpoint),
    certHash: identity.id,
    vrfSeed,
    boxKey: isThreshold ? nobleSealedBox.deriveKey(boxSecret) : undefined,
    headKey: isThreshold ? await readHeadKey() : undefined,
    bondAtomic: values.bond,
  });
  const answer = { outcome, validator: client.address, consensusId: toHex(identity.id) };
  return print(`${JSON.stringify(answer)}\n`);
}

async function reinstate(argv: readonly string[]): Promise<Daemon> {
  const parsed = reinstateConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { provider, ...values } = parsed.values;
  const { deployment, openSigner, connect } = await openKeys(NAME, values);
  const { signer, close: closeSigner } = await openSigner();
  const domain = {
    chainId: BigInt(deployment.chainId),
    verifyingContract: fromHex(deployment.settlement.slice(2), 20),
  };
  const store = openStore(join(values.dataDir, 'validator.db'), {
    schema: VALIDATOR_SCHEMA,
    upgrades: RELEASED.validator,
  });
  try {
    const state = { signer, domain, store };
    const ejection = await approveReinstatement(state, await connect(), provider);
    if (ejection === undefined) throw new ConfigError(NAME, [`provider ${toHex(provider)} is not ejected`]);
    const answer = {
      outcome: 'approved',
      provider: toHex(provider),
      ejection,
      validator: `0x${toHex(signer.address)}`,
    };
    return print(`${JSON.stringify(answer)}\n`);
  } finally {
    store.close();
    closeSigner();
  }
}

async function pardon(argv: readonly string[]): Promise<Daemon> {
  const parsed = pardonConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { payee, signature: signatures, ...values } = parsed.values;
  const { deployment, openSigner, connect } = await openKeys(NAME, values);
  const domain = {
    chainId: BigInt(deployment.chainId),
    verifyingContract: fromHex(deployment.settlement.slice(2), 20),
  };
  const client = await connect();
  const nothing = new ConfigError(NAME, [`penalties hold nothing of 0x${toHex(payee)}`]);
  if (signatures.length > 0) {
    const transaction = await submitPardon({ crypto: nodeCrypto, domain }, client, { payee, signatures });
    if (transaction === undefined) throw nothing;
    return print(`${JSON.stringify({ outcome: 'pardoned', payee: `0x${toHex(payee)}`, transaction })}\n`);
  }
  const { signer, close } = await openSigner();
  try {
    const signed = await signPardon({ signer, domain }, client, payee);
    if (signed === undefined) throw nothing;
    const { penalty, amountAtomic, signature } = signed;
    const answer = { outcome: 'signed', payee: `0x${toHex(payee)}`, penalty, amountAtomic: `${amountAtomic}` };
    return print(`${JSON.stringify({ ...answer, signature: `0x${toHex(signature)}` })}\n`);
  } finally {
    close();
  }
}

/** What a validator takes part in the threshold beacon with. Its libraries are loaded where the network has one. */
async function openThreshold(boxSecret: Uint8Array): Promise<ThresholdParts> {
  const drawSeed = (): Uint8Array => new Uint8Array(randomBytes(32));
  return { bls: await createFastBls(), box: nobleSealedBox, boxSecret, drawSeed };
}

const nameContract = (chainId: number, address: string) => ({
  chainId: BigInt(chainId),
  verifyingContract: fromHex(address.slice(2), 20),
});

interface DutyOptions {
  readonly priceSource: string | undefined;
  readonly priceKeypair: string | undefined;
  readonly priceInterval: number;
}

/** What this validator does for prices and epochs of minting; undefined where the network does not burn and mint. @throws ConfigError, KeyFileError */
function readDuty(
  { priceSource, priceKeypair, priceInterval: intervalMs }: DutyOptions,
  { chainId, token, burnAndMint }: Pick<Deployment, 'chainId' | 'token' | 'burnAndMint'>,
): BurnAndMintDuty | undefined {
  if ((priceSource === undefined) !== (priceKeypair === undefined)) {
    throw new ConfigError(NAME, ['--price-source and --price-keypair are given together']);
  }
  if (burnAndMint === undefined) {
    if (priceSource !== undefined) throw new ConfigError(NAME, ['--price-source: this network does not burn and mint']);
    return undefined;
  }
  const feed = priceSource !== undefined &&
    priceKeypair !== undefined && {
      key: createNodeLedgerSigner(loadLedgerKey(priceKeypair).reveal()),
      read: (signal: AbortSignal) => readPriceSource(priceSource, signal),
    };
  return { token, oracle: nameContract(chainId, burnAndMint.oracle), intervalMs, ...(feed && { feed }) };
}

async function allot(argv: readonly string[]): Promise<Daemon> {
  const parsed = allotConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { until: seconds, signature: signatures, ...values } = parsed.values;
  const { deployment, openSigner, connect } = await openKeys(NAME, values);
  if (deployment.emission === undefined) throw new ConfigError(NAME, ['this network has no emission']);
  const domain = nameContract(deployment.chainId, deployment.emission);
  const client = await connect();
  const until = seconds === undefined ? undefined : BigInt(seconds);
  const nothing = new ConfigError(NAME, ['no tally is due: no period is over, or nobody earned anything in it']);
  if (signatures.length > 0) {
    const transaction = await submitAllotment({ crypto: nodeCrypto, domain }, client, { signatures, until });
    if (transaction === undefined) throw nothing;
    return print(`${JSON.stringify({ outcome: 'allotted', transaction })}\n`);
  }
  const { signer, close } = await openSigner();
  try {
    const signed = await signAllotment({ crypto: nodeCrypto, signer, domain }, client, until);
    if (signed === undefined) throw nothing;
    const { number, root, signature } = signed;
    const answer = { outcome: 'signed', number, until: `${signed.until}`, units: `${signed.units}` };
    return print(`${JSON.stringify({ ...answer, root: `0x${toHex(root)}`, signature: `0x${toHex(signature)}` })}\n`);
  } finally {
    close();
  }
}

async function convict(argv: readonly string[]): Promise<Daemon> {
  const parsed = convictConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { evidence: path, signature: signatures, offence, accused, reporter, ...values } = parsed.values;
  if ((offence === undefined) !== (accused === undefined)) {
    throw new ConfigError(NAME, ['--offence and --accused are given together']);
  }
  if (offence !== undefined && accused !== undefined) {
    const evidence = hashEvidence(NAME, path);
    const charge = { offence, accused, reporter: reporter ?? new Uint8Array(20), evidence };
    return chargeWith(charge, { values, signatures });
  }
  const evidence = readEvidence(NAME, path);
  const { deployment, openSigner, connect } = await openKeys(NAME, values);
  const bytes = (address: string): Uint8Array => fromHex(address.slice(2), 20);
  const chainId = BigInt(deployment.chainId);
  const context = {
    crypto: nodeCrypto,
    ledger: { chainId, verifyingContract: bytes(deployment.escrow) },
    domain: { chainId, verifyingContract: bytes(deployment.cases) },
    reporter,
  };
  const client = await connect();
  const describe = ({ claim: { payer, validator, heldAtomic }, capacityAtomic, checks }: JudgedEvidence) => ({
    ...{ validator: `0x${toHex(validator)}`, payer: `0x${toHex(payer)}` },
    ...{ heldAtomic: `${heldAtomic}`, capacityAtomic: `${capacityAtomic}`, checks },
  });
  const refuse = (judged: JudgedEvidence): never => {
    process.stderr.write(`${JSON.stringify({ outcome: 'not convicted', ...describe(judged) })}\n`);
    throw new ConfigError(NAME, [`the evidence in ${path} does not convict: see the checks that fail`]);
  };
  if (signatures.length > 0) {
    const { judged, transaction } = await submitConviction(context, client, { evidence, signatures });
    if (transaction === undefined) return refuse(judged);
    return print(`${JSON.stringify({ outcome: 'convicted', ...describe(judged), transaction })}\n`);
  }
  const { signer, close } = await openSigner();
  try {
    const { judged, signed } = await signConviction({ ...context, signer }, client, evidence);
    if (signed === undefined) return refuse(judged);
    const { conviction, signature } = signed;
    const answer = { outcome: 'signed', ...describe(judged), conviction, signature: `0x${toHex(signature)}` };
    return print(`${JSON.stringify(answer)}\n`);
  } finally {
    close();
  }
}

/** For what the operator has judged itself. */
async function chargeWith(
  charge: Omit<Conviction, 'conviction'>,
  { values, signatures }: { readonly values: KeyOptions; readonly signatures: readonly Uint8Array[] },
): Promise<Daemon> {
  const { deployment, openSigner, connect } = await openKeys(NAME, values);
  const domain = { chainId: BigInt(deployment.chainId), verifyingContract: fromHex(deployment.cases.slice(2), 20) };
  const client = await connect();
  const evidence = `0x${toHex(charge.evidence)}`;
  if (signatures.length > 0) {
    const transaction = await submitCharge({ crypto: nodeCrypto, domain }, client, { charge, signatures });
    return print(`${JSON.stringify({ outcome: 'convicted', offence: charge.offence, evidence, transaction })}\n`);
  }
  const { signer, close } = await openSigner();
  try {
    const { conviction, signature } = await signCharge({ signer, domain }, client, charge);
    const answer = { outcome: 'signed', offence: charge.offence, evidence, conviction };
    return print(`${JSON.stringify({ ...answer, signature: `0x${toHex(signature)}` })}\n`);
  } finally {
    close();
  }
}

async function acquit(argv: readonly string[]): Promise<Daemon> {
  const parsed = acquitConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { case: id, provider, payee, freeze, period, signature: votes, ...values } = parsed.values;
  const subjects: AppealSubject[] = [];
  if (id !== undefined) subjects.push({ case: id });
  if (provider !== undefined) subjects.push({ ejected: provider });
  if (payee !== undefined) subjects.push({ penalized: payee });
  if (freeze !== undefined) {
    subjects.push({ freeze, period: period ?? Math.floor(systemClock.nowMs() / 1_000 / FREEZE_PERIOD_S) });
  }
  const [subject] = subjects;
  if (subject === undefined || subjects.length > 1) {
    throw new ConfigError(NAME, ['give one of --case, --provider, --payee and --freeze']);
  }
  const { deployment, openSigner, connect } = await openKeys(NAME, values);
  const domain = { chainId: BigInt(deployment.chainId), verifyingContract: fromHex(deployment.hearings.slice(2), 20) };
  const client = await connect();
  if (votes.length > 0) {
    const transaction = await submitAcquittal({ crypto: nodeCrypto, domain }, client, { subject, votes });
    return print(`${JSON.stringify({ outcome: 'lifted', transaction })}\n`);
  }
  const { signer, close } = await openSigner();
  try {
    const signature = await signAcquittal({ signer, domain }, client, subject);
    if (signature === undefined) throw new ConfigError(NAME, ['this validator has no seat on the panel of an appeal']);
    return print(`${JSON.stringify({ outcome: 'signed', signature: `0x${toHex(signature)}` })}\n`);
  } finally {
    close();
  }
}

async function revokeMachine(argv: readonly string[]): Promise<Daemon> {
  const parsed = revokeMachineConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { machine, evidence: path, restore = false, signature: signatures, ...values } = parsed.values;
  const { deployment, openSigner, connect } = await openKeys(NAME, values);
  if (deployment.machines === undefined) throw new ConfigError(NAME, ['this network has no registry of machines']);
  const domain = nameContract(deployment.chainId, deployment.machines);
  const revoked = { machine, evidence: hashEvidence(NAME, path), isRevoked: !restore };
  const client = await connect();
  const nothing = new ConfigError(NAME, [`machine ${toHex(machine)} is ${restore ? 'not' : 'already'} revoked`]);
  if (signatures.length > 0) {
    const transaction = await submitRevocation({ crypto: nodeCrypto, domain }, client, { revoked, signatures });
    if (transaction === undefined) throw nothing;
    return print(`${JSON.stringify({ outcome: restore ? 'restored' : 'revoked', transaction })}\n`);
  }
  const { signer, close } = await openSigner();
  try {
    const signed = await signRevocation({ signer, domain }, client, revoked);
    if (signed === undefined) throw nothing;
    const answer = { outcome: 'signed', machine: toHex(machine), number: signed.number };
    return print(`${JSON.stringify({ ...answer, signature: `0x${toHex(signed.signature)}` })}\n`);
  } finally {
    close();
  }
}

async function ejectMachine(argv: readonly string[]): Promise<Daemon> {
  const parsed = ejectMachineConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { values } = parsed;
  const proof = readReceiptProof(NAME, values);
  const { deployment, connect } = await openKeys(NAME, values);
  const { escrow, chainId } = deployment;
  const judge = { crypto: nodeCrypto, ledger: nameContract(chainId, escrow) };
  const ejected = await judgeEjection(judge, await connect(), proof).catch((cause: unknown) => {
    throw cause instanceof Refusal ? new ConfigError(NAME, [cause.message]) : cause;
  });
  if (ejected === undefined) throw new ConfigError(NAME, ['the provider is ejected already']);
  const store = openStore(join(values.dataDir, 'validator.db'), {
    schema: VALIDATOR_SCHEMA,
    upgrades: RELEASED.validator,
  });
  try {
    const { evidence: hash, providerId, ejection } = ejected;
    store.transact((db) =>
      keepProof(db, { hash, providerId, ejection, proof, state: 'open', notedMs: systemClock.nowMs() }),
    );
    const answer = { outcome: 'kept', provider: toHex(providerId), ejection, evidence: `0x${toHex(hash)}` };
    return print(`${JSON.stringify(answer)}\n`);
  } finally {
    store.close();
  }
}

async function consent(argv: readonly string[]): Promise<Daemon> {
  const parsed = consentConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { account, ...values } = parsed.values;
  const key = openSigningKey(values);
  const { deployment } = readDeployment(NAME, values);
  const domain = { chainId: BigInt(deployment.chainId), verifyingContract: fromHex(deployment.registry.slice(2), 20) };
  const signature = await createKeySigner(nodeCrypto, key, account).sign({ kind: 'signing-key', domain, account });
  const [validator, signingKey, consent] = [account, key.address, signature].map((bytes) => `0x${toHex(bytes)}`);
  return print(`${JSON.stringify({ validator, signingKey, consent })}\n`);
}

async function setSigner(argv: readonly string[]): Promise<Daemon> {
  const parsed = setSignerConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { signingKey, consent = new Uint8Array(0), ...values } = parsed.values;
  const client = await (await openKeys(NAME, values)).connect();
  await client.setSigningKey(signingKey, consent);
  const account = client.address as NonNullable<typeof client.address>;
  const { current, named, from } = await client.signingKeyOf(account);
  return print(
    `${JSON.stringify({ validator: account, signingKey: named, countsFrom: Number(from), until: current })}\n`,
  );
}

function print(text: string): never {
  process.stdout.write(text);
  process.exit(0);
}

const [first, ...rest] = process.argv.slice(2);
const commands: Readonly<Record<string, (argv: readonly string[]) => Promise<Daemon>>> = {
  register,
  reinstate,
  pardon,
  convict,
  acquit,
  'revoke-machine': revokeMachine,
  'eject-machine': ejectMachine,
  allot,
  consent,
  'set-signer': setSigner,
};
const command = commands[first ?? ''];
await runDaemon(() => (command ? command(rest) : run(process.argv.slice(2))), { name: NAME });
