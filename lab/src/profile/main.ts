// npm run profile: shares of processor time by kind of work, of each daemon of a loaded network and of local mode. --stream for streams.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { askLocal } from '../bench/local-answer.ts';
import { labModelsDir } from '../lab-models.ts';
import { drive } from '../load/drive.ts';
import { startLoadNetwork } from '../load/load-network.ts';
import { startLocalProgram } from '../local/local-program.ts';
import { formatMarkdownTable } from '../markdown-table.ts';
import { INTERVAL_US } from './record.ts';
import { computeShares, type KindShare } from './shares.ts';

const help = `usage: npm run profile -- [options] network|local

Prints which kinds of work take the processor time of a thread, by samples of a fifth of a millisecond.

  network       gateway, router, provider and validator, 32 whole answers of 60 tokens at a time
  local         local mode's server, answers of 96 tokens one after the other
  --stream      the network with 20 streams of 64 tokens in place of whole answers
  --replies N   replies that are measured, 1 to 100000; default: 1000 of the network, 100 of local mode
  --json        as JSON
`;

const WARM_UP = 300;
const LOCAL_WARM_UP = 30;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    stream: { type: 'boolean', default: false },
    replies: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const [subject] = positionals;
const replies = Number(values.replies ?? (subject === 'local' ? 100 : 1_000));
if (positionals.length !== 1 || (subject !== 'network' && subject !== 'local')) fail('name network or local');
if (!(Number.isInteger(replies) && replies >= 1 && replies <= 100_000))
  fail(`--replies ${values.replies}: 1 to 100000`);

const profiles = subject === 'local' ? { server: await profileLocal() } : await profileNetwork();
console.log(values.json ? JSON.stringify(profiles) : formatShares(profiles));

function tell(step: string): void {
  console.error(`profile: ${step}`);
}

function fail(message: string): never {
  console.error(`profile: ${message}\n\n${help}`);
  process.exit(2);
}

type Profiles = Readonly<Record<string, readonly KindShare[]>>;

async function profileNetwork(): Promise<Profiles> {
  const { own, children, stop } = await startLoadNetwork({ fromSources: true });
  try {
    const shape = values.stream
      ? { concurrency: 20, tokens: 64, stream: true }
      : { concurrency: 32, tokens: 60, stream: false };
    tell(`${WARM_UP} replies before the profile`);
    await drive(own, { replies: WARM_UP, ...shape });
    tell(`${replies} replies`);
    const roles = Object.entries(children);
    await Promise.all(roles.map(([, child]) => child.ask('profile')));
    const { failures, reasons } = await drive(own, { replies, ...shape });
    if (failures > 0) throw new Error(`${failures} of ${replies} replies failed: ${reasons.join()}`);
    const shares = await Promise.all(
      roles.map(async ([role, child]) => [role, computeShares(await child.ask<Profiler.Profile>('profiled'))] as const),
    );
    return Object.fromEntries(shares);
  } finally {
    await stop();
  }
}

/** Node writes the profile when the server ends. */
async function profileLocal(): Promise<readonly KindShare[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-profile-'));
  const modelsDir = labModelsDir();
  const { path: modelPath } = await resolveModel('stories15M', { storeDir: modelsDir, quant: 'q8_0' });
  try {
    const nodeFlags = ['--cpu-prof', '--cpu-prof-interval', String(INTERVAL_US), '--cpu-prof-dir', folder];
    const startedMs = performance.now();
    const program = await startLocalProgram({ modelPath, modelsDir, sequences: 1, nodeFlags, fromSources: true });
    const ask = (seed: number) => askLocal(program.base, 'Once upon a time', { seed, tokens: 96 });
    tell(`${LOCAL_WARM_UP} answers before the profile, then ${replies}`);
    for (let seed = 0; seed < LOCAL_WARM_UP; seed++) await ask(seed);
    const skipMs = performance.now() - startedMs;
    for (let seed = 0; seed < replies; seed++) await ask(seed);
    await program.stop();
    const [file] = readdirSync(folder);
    if (file === undefined) throw new Error('local mode wrote no profile');
    return computeShares(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profiler.Profile, skipMs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function formatShares(profiles: Profiles): string {
  const names = Object.keys(profiles);
  const kinds = [...new Set(Object.values(profiles).flatMap((shares) => shares.map(({ kind }) => kind)))];
  const percent = (name: string, kind: string): string => {
    const share = profiles[name]?.find((each) => each.kind === kind)?.share;
    return share === undefined ? '' : `${(100 * share).toFixed(1)} %`;
  };
  return formatMarkdownTable(
    ['work', ...names],
    kinds.map((kind) => [kind, ...names.map((name) => percent(name, kind))]),
  );
}
