// npm run memory-quality: measures the memories of a set of conversations; --write renews docs/memory-quality.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { MemoryModels } from '@ogong/memory/models/memory-models';
import { ModelError } from '@ogong/models/model-error';
import { describeMachine } from '../bench/report.ts';
import { EXTRACTORS, type Extractor } from './extractors.ts';
import { findPassing } from './further-readings.ts';
import { measureQuality } from './measure.ts';
import { openAsked } from './models/asked.ts';
import { embedByHashedWords } from './models/hashed-words.ts';
import { MINI_LM, type OpenedEmbedding, openMiniLm } from './models/mini-lm.ts';
import { openScripted } from './models/scripted.ts';
import { formatSummary, listMissed, type QualityReport, type QualityRun, renewPage } from './report.ts';
import { CONVERSATIONS, readSet } from './set/read-set.ts';
import type { Half } from './set/threads.ts';

const PAGE = join(import.meta.dirname, '../../../docs/memory-quality.md');
const LOCAL_MODE = 'http://127.0.0.1:11434';
const help = `usage: npm run memory-quality [-- options]

Stores the memories of a set of conversations, and asks questions about them.

  --extractor NAME   a scripted extractor: ${EXTRACTORS.join(', ')}; default: each of them
  --model NAME       ask this chat model instead
  --base URL         local mode, for --model and --embedding; default: ${LOCAL_MODE}
  --embedding NAME   ask this embedding model; default: ${MINI_LM} in this process
  --half NAME        tuning or test; default: test
  --conversations N  the first ones of the half, 1 to ${CONVERSATIONS}; default: all
  --json             print counts as JSON
  --write            renew the figures of docs/memory-quality.md
  --help
`;

const { values } = parseArgs({
  options: {
    extractor: { type: 'string' },
    model: { type: 'string' },
    base: { type: 'string', default: LOCAL_MODE },
    embedding: { type: 'string' },
    half: { type: 'string', default: 'test' },
    conversations: { type: 'string', default: String(CONVERSATIONS) },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}

if (values.help) {
  console.log(help);
  process.exit(0);
}
const isExtractor = (name: string): name is Extractor => (EXTRACTORS as readonly string[]).includes(name);
const isHalf = (name: string): name is Half => name === 'tuning' || name === 'test';
const { model, base: baseUrl, half, extractor } = values;
const count = Number(values.conversations);
if (extractor !== undefined && !isExtractor(extractor)) refuse(`--extractor ${extractor}: ${EXTRACTORS.join(', ')}`);
if (extractor !== undefined && model !== undefined) refuse('name an extractor or a model, not both');
if (values.embedding !== undefined && model === undefined) refuse('--embedding needs --model');
if (!isHalf(half)) refuse(`--half ${half}: tuning or test`);
if (!(Number.isInteger(count) && count >= 1 && count <= CONVERSATIONS))
  refuse(`--conversations ${values.conversations}: a number from 1 to ${CONVERSATIONS}`);

/** Undefined where the weights cannot be had. Other errors are thrown. */
async function openEmbedding(): Promise<OpenedEmbedding | undefined> {
  if (values.embedding !== undefined) return undefined;
  try {
    return await openMiniLm();
  } catch (error) {
    if (!(error instanceof ModelError && error.code === 'network') || model !== undefined) throw error;
    console.error(`${MINI_LM} is not there: ${error.message}\nThe figures are of hashed words instead.`);
    return undefined;
  }
}

async function measureOne(name: string, embed: MemoryModels['embed'] | undefined): Promise<QualityRun> {
  const counts = await measureQuality({
    conversations: readSet(half as Half, count),
    openModels: (conversation) =>
      isExtractor(name) && model === undefined
        ? openScripted(name, { conversation, embed: embed ?? embedByHashedWords })
        : openAsked(conversation, { baseUrl, chat: name, embedding: values.embedding, embed }),
    onProgress: (id) => console.error(`memory-quality: ${name}, ${id} ...`),
  });
  return { extractor: name, isCareful: name === 'good' || model !== undefined, counts };
}

const embedding = await openEmbedding();
const runs: QualityRun[] = [];
try {
  for (const name of model === undefined ? (extractor === undefined ? EXTRACTORS : [extractor]) : [model])
    runs.push(await measureOne(name, embedding?.embed));
} finally {
  await embedding?.close();
}
function countFurther(isTrue: boolean) {
  const { passing, count: all } = findPassing({ isTrue });
  return { passing: passing.length, count: all };
}

const report: QualityReport = {
  ...{ half, conversations: count, runs, day: new Date().toISOString().slice(0, 10) },
  embedding: values.embedding ?? (embedding === undefined ? 'hashed words' : MINI_LM),
  further: { false: countFurther(false), true: countFurther(true) },
  machine: describeMachine({ Node: process.version.slice(1) }),
};
console.log(values.json ? JSON.stringify(report, null, 2) : formatSummary(report));
if (values.write) writeFileSync(PAGE, renewPage(readFileSync(PAGE, 'utf8'), report));
const missed = listMissed(report);
if (missed.length > 0) console.error(`\naims missed: ${missed.join('; ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;
