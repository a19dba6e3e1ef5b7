// npm run bench: measures and prints a table; --write updates docs/bench.md. No test asserts these figures.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LLAMA_VERSION } from '@ogong/engine/llama-cpp/device/platform';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import type { ResolvedModel } from '@ogong/models/resolve';
import { READING_SCENES } from '../doors/catalogue.ts';
import { labModelsDir } from '../lab-models.ts';
import { measureLoad } from '../load/load-rows.ts';
import { measureChains } from './chain-rows.ts';
import { measureCommits } from './commit-rows.ts';
import { measureDraftModels } from './draft-rows.ts';
import { measureEmbeddings } from './embedding-rows.ts';
import { measureEngine } from './engine-rows.ts';
import { measureSearch } from './hub/search-rows.ts';
import { measureTransfers } from './hub/transfer-rows.ts';
import { measureLocal } from './local-rows.ts';
import { measureMemories } from './memory-rows.ts';
import { provideDeepenedModel, provideDeepModel, provideEmbeddingModel, provideRandomModel } from './models.ts';
import { measureAuditBatches } from './network/audit-batch-rows.ts';
import { measureAudit } from './network/audit-rows.ts';
import { measureBeacon } from './network/beacon-rows.ts';
import { measureBrowser } from './network/browser-rows.ts';
import { measureDemo } from './network/demo-rows.ts';
import { measureDoors } from './network/door-rows.ts';
import { measureEvidence } from './network/evidence-rows.ts';
import { measureFloods } from './network/flood-rows.ts';
import { measureGateways } from './network/gateway-rows.ts';
import { measureHedging } from './network/hedge-rows.ts';
import { measureIntake } from './network/intake-rows.ts';
import { measureGas } from './network/ledger-rows.ts';
import { measureMesh } from './network/mesh-rows.ts';
import { measureNetwork } from './network/network-rows.ts';
import { measurePages } from './network/page-rows.ts';
import { measurePictures } from './pictures/picture-rows.ts';
import { measurePrefixes } from './prefix-rows.ts';
import { measureReplies } from './reply-rows.ts';
import {
  addBefore,
  type BenchPart,
  type BenchReport,
  describeMachine,
  formatReport,
  keepAims,
  takeMedians,
} from './report.ts';
import { formatRows, isMet, type Row } from './row.ts';
import { measureSealing } from './sealing-rows.ts';
import { measureShapes } from './shape-rows.ts';
import type { ShapeBench } from './shape-ways.ts';
import { measureSingleRows } from './single-rows.ts';
import { measureTiled } from './tiled-rows.ts';
import { measureVulkanAudits } from './verifier-rows.ts';
import { measureVocabularies } from './vocabulary-rows.ts';

interface Context {
  readonly storeDir: string;
  readonly model: ResolvedModel;
  /** Size of the file that the hub moves. */
  readonly hubMib: number;
  readonly onProgress: (what: string) => void;
}

/** Small enough for a software device. */
async function resolveVulkanBench({ storeDir }: Context): Promise<ShapeBench> {
  const { path } = await resolveModel('stories260K', { storeDir });
  return { path, name: 'stories260K f32', promptTokens: 12, outputTokens: 40, rounds: 5, sampleTokens: 40 };
}

/** The same size in the weight types that people serve. */
async function measureRandomModels(storeDir: string, vocabularyFrom: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const weights of ['q8_0', 'q4_k_m', 'f16'] as const) {
    const path = provideRandomModel(storeDir, vocabularyFrom, weights);
    const bench = { path, name: `random 134M ${weights}`, promptTokens: 48, outputTokens: 32, rounds: 4 };
    rows.push(...(await measureEngine(bench)));
  }
  return rows;
}

const parts: Readonly<
  Record<string, { readonly title: string; readonly measure: (context: Context) => Promise<Row[]> }>
> = {
  replies: {
    title: 'Checking a reply',
    async measure({ model }) {
      const engine = await createLlamaEngine({ modelPath: model.path, sequences: 8 });
      try {
        return await measureReplies(engine);
      } finally {
        await engine.close();
      }
    },
  },
  vocabularies: { title: 'Large vocabularies', measure: measureVocabularies },
  browser: { title: 'Checking a reply in a browser', measure: measureBrowser },
  engine: {
    title: 'Engine',
    measure: async ({ storeDir, model }) => [
      ...(await measureEngine({
        ...{ path: model.path, name: 'stories15M q8_0' },
        ...{ promptTokens: 128, outputTokens: 96, rounds: 7 },
      })),
      ...(await measureRandomModels(storeDir, model.path)),
    ],
  },
  single: {
    title: 'Single rows of float weights',
    measure: ({ storeDir, model }) =>
      measureSingleRows({
        ...{ path: provideRandomModel(storeDir, model.path, 'f16'), name: 'random 134M f16' },
        ...{ promptTokens: 48, outputTokens: 32, rounds: 5 },
      }),
  },
  tiled: {
    title: 'Tiled prompts',
    measure: async ({ storeDir, model }) => [
      ...(await measureTiled({
        ...{ path: model.path, name: 'stories15M q8_0' },
        ...{ prompts: [128, 300, 700], outputTokens: 96, rounds: 7 },
      })),
      ...(await measureTiled({
        ...{ path: provideRandomModel(storeDir, model.path), name: 'random 134M q8_0' },
        ...{ prompts: [300], outputTokens: 32, rounds: 4 },
      })),
    ],
  },
  chains: {
    title: 'A model in segments',
    measure: async ({ storeDir, model }) =>
      await measureChains({
        ...{ path: provideRandomModel(storeDir, model.path), name: 'random 134M q8_0', layers: 12, embeddingSize: 768 },
        ...{ promptTokens: 1000, rounds: 5 },
      }),
  },
  'audit-batches': {
    title: 'Audits in one pass',
    measure: async ({ storeDir, model }) => [
      ...(await measureAuditBatches({ path: model.path, name: 'stories15M q8_0', lengths: [8, 32, 128], rounds: 3 })),
      ...(await measureAuditBatches({
        ...{ path: provideRandomModel(storeDir, model.path), name: 'random 134M q8_0' },
        ...{ lengths: [8, 32], rounds: 2 },
      })),
    ],
  },
  'draft-models': {
    title: 'Guesses of a draft model',
    async measure({ storeDir, model }) {
      const find = async (quant: string): Promise<string> =>
        (await resolveModel('stories15M', { storeDir, quant })).path;
      return measureDraftModels({
        ...{ path: provideDeepenedModel(storeDir, await find('f32')), name: 'stories of 120 layers, 128M, q8_0' },
        ...{ outputTokens: 96, rounds: 3 },
        drafts: [
          { name: 'stories15M q8_0', path: model.path, isAlike: true },
          { name: 'stories15M q4_0', path: await find('q4_0'), isAlike: false },
          { name: 'stories15M q2_k', path: await find('q2_k'), isAlike: false },
        ],
      });
    },
  },
  embeddings: {
    title: 'Embeddings',
    measure: ({ storeDir, model }) =>
      measureEmbeddings({
        ...{ path: provideEmbeddingModel(storeDir, model.path), name: 'random 40M f16' },
        ...{ inputs: 8, words: 48, rounds: 9 },
      }),
  },
  pictures: { title: 'Pictures', measure: ({ onProgress }) => measurePictures(onProgress) },
  prefixes: {
    title: 'Prefixes from the cache',
    measure: ({ model }) => measurePrefixes({ path: model.path, name: 'stories15M q8_0', rounds: 5 }),
  },
  shapes: {
    title: 'Passes kept in a class',
    measure({ model: { path }, onProgress }) {
      const texts = { promptTokens: 24, outputTokens: 64, rounds: 5, sampleTokens: 512 };
      return measureShapes({ path, name: 'stories15M q8_0', ...texts }, 'cpu', onProgress);
    },
  },
  vulkan: {
    title: 'Passes kept in a class on Vulkan',
    measure: async (context) => measureShapes(await resolveVulkanBench(context), 'vulkan', context.onProgress),
  },
  'vulkan-audits': {
    title: 'Audits on Vulkan',
    async measure(context) {
      // Replies of the usual length, since a pass of few rows costs as much as a full tile.
      const lengths = { promptTokens: 60, outputTokens: 128, rounds: 3 };
      const bench = { ...(await resolveVulkanBench(context)), ...lengths };
      const path = provideDeepModel(context.storeDir, bench.path);
      return measureVulkanAudits(bench, { ...bench, path, name: 'random of 24 layers' }, context.onProgress);
    },
  },
  intake: { title: 'Validator', measure: async () => [...(await measureIntake()), ...measureAudit()] },
  commits: { title: 'Commits of stores', measure: measureCommits },
  beacon: { title: 'Threshold beacon', measure: ({ onProgress }) => measureBeacon(onProgress) },
  sealing: { title: 'Sealing', measure: measureSealing },
  evidence: { title: 'Evidence of machines', measure: measureEvidence },
  ledger: { title: 'Settlement', measure: measureGas },
  load: {
    title: 'One gateway under load',
    measure: ({ onProgress }) => measureLoad({ replies: 1_000, long: 4_000, onProgress }),
  },
  hedging: { title: 'A second order for what is late', measure: measureHedging },
  network: { title: 'Network', measure: ({ model }) => measureNetwork(model) },
  mesh: { title: 'A network on one machine', measure: ({ model }) => measureMesh(model) },
  pages: { title: 'Pages for people', measure: ({ model }) => measurePages(model) },
  local: { title: 'One machine', measure: ({ model, storeDir }) => measureLocal(model, storeDir) },
  gateways: { title: 'Gateways with one database', measure: ({ onProgress }) => measureGateways(onProgress) },
  doors: { title: 'Rate limiters under attack', measure: ({ onProgress }) => measureDoors(onProgress) },
  'log-doors': {
    title: "Rate limiters of a validator's log under attack",
    measure: ({ onProgress }) => measureFloods(READING_SCENES, onProgress),
  },
  hub: {
    title: 'Hub of models',
    measure: async ({ hubMib }) => [...(await measureTransfers(hubMib)), ...measureSearch()],
  },
  memories: { title: 'Memories', measure: measureMemories },
  demo: { title: 'Demo', measure: measureDemo },
};

const HUB_MIB = 512;
const docs = (name: string): string => fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
const [dataFile, pageFile] = [docs('bench.json'), docs('bench.md')];
const help = `usage: npm run bench [-- options]

  --only PARTS  some of ${Object.keys(parts).join(',')}
  --json FILE   all rows as JSON
  --hub-mib N   size of the file that the hub moves, 1 to 65536 MiB; default: ${HUB_MIB}
  --write       renew the aims in docs/bench.md and docs/bench.json; parts that are not measured stay as they are.
  --median FILE measure nothing; write medians over files of --json into both, one flag for each file.
  --before COMMIT=FILE,FILE
                measure nothing; write medians over files of --json at COMMIT into the column "before".
  --help
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'string' },
    'hub-mib': { type: 'string', default: String(HUB_MIB) },
    write: { type: 'boolean', default: false },
    median: { type: 'string', multiple: true },
    before: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const asked = values.only?.split(',') ?? Object.keys(parts);
const unknown = asked.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  console.error(`unknown part: ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}
const hubMib = Number(values['hub-mib']);
if (!(Number.isInteger(hubMib) && hubMib >= 1 && hubMib <= 2 ** 16)) {
  console.error(`--hub-mib ${values['hub-mib']}: a number from 1 to ${2 ** 16}`);
  process.exit(2);
}

if (values.median !== undefined) {
  writeReport(takeMedians(values.median.map(readRun)));
  process.exit(0);
}
if (values.before !== undefined) {
  const [, commit, files] = /^([0-9a-f]{7,40})=(.+)$/.exec(values.before) ?? [];
  if (commit === undefined || files === undefined) {
    console.error(`--before ${values.before}: a commit, "=" and files of --json, with commas between`);
    process.exit(2);
  }
  writeReport(addBefore(readReport(), commit, takeMedians(files.split(',').map(readRun))));
  process.exit(0);
}

const storeDir = labModelsDir();
const model = await resolveModel('stories15M', { storeDir, quant: 'q8_0' });
const versions = { Node: process.version.slice(1), 'llama.cpp': LLAMA_VERSION };
const measured: Record<string, BenchPart> = {};
for (const [index, name] of asked.entries()) {
  const { title, measure } = parts[name] as (typeof parts)[string];
  const machine = describeMachine(versions);
  const date = new Date().toISOString().slice(0, 10);
  const startMs = performance.now();
  console.error(`bench ${index + 1}/${asked.length}: ${name} ...`);
  const onProgress = (what: string) => console.error(`bench ${index + 1}/${asked.length}: ${name}: ${what}`);
  const rows = await measure({ storeDir, model, hubMib, onProgress });
  measured[name] = { title, date, machine, rows };
  console.error(
    `bench ${index + 1}/${asked.length}: ${name} took ${((performance.now() - startMs) / 1000).toFixed(0)} s`,
  );
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(measured, null, 2)}\n`);
  if (values.write) writeReport(measured);
}

const rows = Object.values(measured).flatMap((part) => part.rows);
const missed = rows.filter((row) => isMet(row) === false).map(({ id }) => id);
console.log(`\n${describeMachine(versions)}\n\n${formatRows(rows)}`);
console.log(`\n${rows.length} rows, ${missed.length} aims missed${missed.length > 0 ? `: ${missed.join(', ')}` : ''}`);

function readRun(file: string): BenchReport {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as BenchReport;
  } catch (error) {
    console.error(`${file}: no file of --json: ${(error as Error).message}`);
    process.exit(2);
  }
}

function readReport(): BenchReport {
  return existsSync(dataFile) ? (JSON.parse(readFileSync(dataFile, 'utf8')) as BenchReport) : {};
}

/** Merges the fresh parts into the report that is there, with the values of the earlier commit. */
function writeReport(fresh: BenchReport): void {
  const known = readReport();
  const merged = Object.entries(fresh).map(([name, part]) => [name, { before: known[name]?.before, ...part }] as const);
  const all: BenchReport = { ...known, ...Object.fromEntries(merged) };
  const report = keepAims(
    Object.fromEntries(Object.keys(parts).flatMap((name) => (all[name] ? [[name, all[name]]] : []))),
  );
  // One part a line, so that a change shows which part was measured again.
  const lines = Object.entries(report).map(([name, part]) => `${JSON.stringify(name)}: ${JSON.stringify(part)}`);
  writeFileSync(dataFile, `{\n${lines.join(',\n')}\n}\n`);
  writeFileSync(pageFile, formatReport(report));
}
