import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { resolveModel } from '@ogong/engine/resolve-model';
import { modelsDirField } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { integer, text } from '@ogong/host/config/values';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createTableFile, readTableFile, signTableFile, writeTableFile } from '@ogong/host/drift-table/table-file';
import type { Output } from '@ogong/host/lifecycle/command';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { knownPeer } from '@ogong/host/link/peer-values';
import { EXIT } from '@ogong/host/log/errors';
import { readHubAccess } from '@ogong/models/hub';
import { openFileHashes } from '@ogong/models/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { MIN_ROW_REPLIES } from '@ogong/protocol/modality/text/drift/drift-table-build';
import { type Checker, createLocalChecker } from '@ogong/provider/calibration/checkers';
import { computeContextSize, measurePairs, type SamplePair } from '@ogong/provider/calibration/measure';
import { type CalibrationModel, nameModel } from '@ogong/provider/calibration/model-file';
import { createPeerChecker } from '@ogong/provider/calibration/peer-checker';
import { createMeasureLine } from '@ogong/provider/calibration/progress-line';
import { type Measurements, namePair, readMeasurements } from '@ogong/provider/calibration/read-measurements';
import type { SampleStore } from '@ogong/provider/calibration/sample-store';
import { SETUPS } from '@ogong/provider/calibration/setups';
import {
  alternativesField,
  assertWritable,
  buildFrom,
  codeVersionField,
  createReadingLine,
  jsonField,
  keyField,
  leaveOutField,
  loadSigner,
  openExistingSamples,
  openSamples,
  samplesField,
} from './calibrate-fields.ts';
import { type AskedPair, listRunnablePairs, PEER, parsePairs } from './calibrate-pairs.ts';

const listNames = (isOnRequest: boolean): string =>
  SETUPS.filter((each) => each.isOnRequest === isOnRequest)
    .map(({ name }) => name)
    .join(', ');

export const runConfig = defineConfig({
  name: 'ogong calibrate',
  examples: ['ogong calibrate --model stories15M --pair exact:fast'],
  summary:
    'Measures how far honest replies drift between the ways to run a model on this machine, and writes the drift table\n' +
    'that validators use for verdicts. After Ctrl-C, a new start continues the measurement. It refuses to make a\n' +
    `table from too little. Ways to run a model: ${listNames(false)}.\n` +
    `Where --pair names them, also: ${listNames(true)}; vulkan takes this machine's first\n` +
    'Vulkan device, and fetches that build of llama.cpp the first time.\n' +
    'See also: ogong calibrate classes | build | show | plan | diff | sign | merge',
  fields: {
    model: {
      schema: text,
      label: '<model>',
      required: true,
      description: 'model to measure: a GGUF file, hf:owner/repo[:quant], a URL, or a built-in name',
    },
    ...modelsDirField,
    weights: {
      schema: text,
      label: '<type>',
      repeatable: true,
      description: 'weights to measure, such as f16 or q8_0, if the model has several; its own if not given',
    },
    pair: {
      schema: text,
      label: '<provider:verifier>',
      repeatable: true,
      description:
        'two ways to run the model, the serving and the checking one; if not given, each by exact and by fast',
    },
    peer: {
      schema: knownPeer,
      label: '<host:port|cert>',
      description:
        'verifier on another machine that checks instead of this one; started with --calibrate-with and the certificate that this command prints',
    },
    replies: {
      schema: integer({ min: 1, max: 1_000_000 }),
      label: '<n>',
      default: '2000',
      description:
        'honest replies of each pair; three in five are held out, so 2000 reach p-values below 0.001. From about 2700 on unlikely text is ranked by itself, and 14000 reach 0.001 there, too',
    },
    maxTokens: {
      schema: integer({ min: 1, max: 4096 }),
      label: '<n>',
      default: '128',
      description:
        'length of a reply; shorter ones are measured by their first tokens, longer ones are judged by fixed limits',
    },
    promptTokens: {
      schema: integer({ min: 64, max: 200_000 }),
      label: '<n>',
      description:
        'lengthens a third of the prompts to at most this many tokens; fixed limits judge replies on longer contexts than measured',
    },
    dataDir: {
      schema: text,
      label: '<path>',
      env: 'OGONG_CALIBRATE_DATA_DIR',
      default: join(homedir(), '.ogong', 'calibrate'),
      description: 'directory of the key for the link to a peer',
    },
    samples: samplesField,
    alternatives: alternativesField,
    out: { schema: text, label: '<path>', default: 'drift-table.json', description: 'file for the table' },
    previous: { schema: text, label: '<path>', description: 'table that this one follows; its other rows stay' },
    key: keyField,
    leaveOut: leaveOutField,
    codeVersion: codeVersionField,
    json: jsonField,
  },
});

type RunValues = Extract<ReturnType<typeof runConfig.parse>, { kind: 'run' }>['values'];

export async function runCalibration(argv: readonly string[], output: Output): Promise<number> {
  const parsed = runConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values } = parsed;
  assertWritable(values.out);
  const before = values.previous === undefined ? undefined : readTableFile(crypto, resolve(values.previous));
  const signer = values.key === undefined ? undefined : loadSigner(values.key);
  const asked = parsePairs(values.pair, {
    command: runConfig.definition.name,
    hasPeer: values.peer !== undefined,
  });
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const store = openSamples(values.samples);
  const others = values.alternatives.map((path) => openExistingSamples(path));
  try {
    const peer = await openPeer(values, output);
    await peer?.reach?.(stopping.signal);
    noteFewReplies(values, output);
    const models = await findModels(values, stopping.signal);
    for (const model of models) assertTrained(model, values);
    const pairs = new Set<string>();
    for (const model of models) {
      const given = { values, asked, peer, store, output, signal: stopping.signal };
      for (const pair of await measure(model, given)) pairs.add(pair);
    }
    const measured = {
      promptTokens: values.promptTokens ?? ('none' as const),
      // A store may hold other work, and too little of the interrupted run.
      ...{ maxTokens: values.maxTokens, models: new Set(models.map(nameModel)), pairs },
    };
    const sources = [
      { store, take: 'honest' as const, ...measured },
      ...others.map((other) => ({ store: other, take: 'alternatives' as const })),
    ];
    const measurements = readMeasurements(crypto, sources, {
      codeVersion: values.codeVersion,
      onProgress: createReadingLine(output),
    });
    // Report this before anything is refused: an honest reply that differs in its exact class is worse than too few replies.
    const isHonest = reportHonesty(measurements, output);
    const { table, leftOut } = buildFrom(measurements, { before, leaveOut: values.leaveOut });
    const unsigned = createTableFile(crypto, table);
    const file = signer === undefined ? unsigned : signTableFile(unsigned, signer);
    writeTableFile(resolve(values.out), file);
    const result = { path: values.out, version: table.version, hash: toHex(file.hash), rows: table.rows.length };
    for (const line of leftOut) output.writeError(`left out: ${line}\n`);
    if (table.rows.length > 0) {
      const context = Math.max(...table.rows.map((row) => row.context));
      output.writeError(
        `rows judge prompt and reply of up to ${context} tokens; --prompt-tokens measures longer ones\n`,
      );
    }
    output.write(
      values.json
        ? `${JSON.stringify({ ...result, leftOut, ...summarise(measurements) })}\n`
        : `${values.out}: ${table.rows.length} rows, version ${table.version}, hash ${result.hash}\n`,
    );
    return isHonest ? EXIT.ok : EXIT.data;
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    output.writeError('stopped; the same command goes on from here\n');
    return EXIT.temporary;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    for (const each of [store, ...others]) each.close();
  }
}

const summarise = ({ drift, equalities, useless }: Measurements) => ({
  pairs: drift.map(({ modelRoot, providerClass, verifierClass, honest }) => ({
    ...{ modelRoot: toHex(modelRoot), providerClass, verifierClass },
    replies: new Set(honest.map(({ seed }) => seed)).size,
  })),
  equalities,
  useless: Object.fromEntries(useless),
});

/** @returns false if honest replies failed: then this machine or this software differs from its claim. */
function reportHonesty({ equalities, useless }: Measurements, output: Output): boolean {
  const { replies, differing } = equalities;
  if (replies > 0) output.writeError(`${replies} replies were checked in their own exact class, ${differing} differ\n`);
  for (const [reason, count] of useless) output.writeError(`${count} honest replies could not be judged: ${reason}\n`);
  return differing === 0 && useless.size === 0;
}

async function findModels(values: RunValues, signal: AbortSignal): Promise<CalibrationModel[]> {
  const quants = values.weights.length === 0 ? [undefined] : values.weights;
  const models: CalibrationModel[] = [];
  const hashes = openFileHashes(values.modelsDir);
  for (const quant of quants) {
    const found = await resolveModel(values.model, {
      ...{ storeDir: values.modelsDir, hashes, hub: readHubAccess(process.env), signal },
      ...(quant === undefined ? {} : { quant }),
    });
    models.push({ ...found, hashes });
  }
  return models;
}

/** Past the context that a model was trained on drift grows fast, and providers serve there only on request. */
function assertTrained({ path }: CalibrationModel, { promptTokens = 0, maxTokens }: RunValues): void {
  const { trainContext } = inspectModelFile(path);
  if (promptTokens === 0 || promptTokens + maxTokens <= trainContext) return;
  throw new ConfigError(runConfig.definition.name, [
    `--prompt-tokens ${promptTokens} and --max-tokens ${maxTokens} are more than the ${trainContext} tokens that ${path} was trained ` +
      'for: give less of them',
  ]);
}

/** One pair of classes may have replies of several ways to run a model: too few of each can be enough together. */
function noteFewReplies({ replies, leaveOut }: RunValues, output: Output): void {
  if (leaveOut || replies >= MIN_ROW_REPLIES) return;
  output.writeError(
    `--replies ${replies} makes no table by itself: a pair of classes takes ${MIN_ROW_REPLIES}; these measurements are kept for later\n`,
  );
}

async function openPeer({ peer, dataDir }: RunValues, output: Output): Promise<Checker | undefined> {
  if (peer === undefined) return undefined;
  const identity = createLinkIdentity(createOrLoadKeys(resolve(dataDir)).linkSeed);
  output.writeError(`the peer has to run with --calibrate-with ${toHex(identity.id)}\n`);
  return createPeerChecker(peer, { identity, crypto });
}

/** @returns the pairs that it measured, see namePair. */
async function measure(
  model: CalibrationModel,
  given: {
    readonly values: RunValues;
    readonly asked: readonly AskedPair[] | undefined;
    readonly peer: Checker | undefined;
    readonly store: SampleStore;
    readonly output: Output;
    readonly signal: AbortSignal;
  },
): Promise<string[]> {
  const { values, asked, peer, store, output, signal } = given;
  const { replies, maxTokens, promptTokens } = values;
  const contextSize = computeContextSize({ maxTokens, promptTokens });
  const say = (line: string): void => output.writeError(line);
  const pairs = asked ?? (await listRunnablePairs(model, { contextSize, hasPeer: peer !== undefined, say, signal }));
  const checked = pairs.map(
    ({ provider, verifier }): SamplePair => ({
      provider,
      checker: verifier === PEER ? (peer as Checker) : createLocalChecker(verifier, { model, contextSize, crypto }),
    }),
  );
  const options = { model, store, crypto, signer: calibrationSigner, maxTokens, promptTokens, contextSize, signal };
  const seenByPeer = checked.find(({ checker }) => checker === peer);
  if (seenByPeer !== undefined) {
    // A peer with another model refuses its first reply. Find that out before hours of serving, not after.
    say('the peer is asked about one reply first\n');
    await measurePairs({ ...options, replies: 1, pairs: [seenByPeer] });
  }
  await measurePairs({
    ...{ ...options, replies },
    pairs: checked,
    onProgress: createMeasureLine(
      (line) => output.writeError(line),
      () => performance.now(),
    ),
  });
  return checked.map(({ provider, checker }) => namePair(provider.name, checker.name));
}

/** Signs the sample records. No reader relies on these signatures. */
const calibrationSigner = createNodeHybridSigner(new Uint8Array(64).fill(21));
