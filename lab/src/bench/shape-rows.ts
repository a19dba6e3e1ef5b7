import type { TextGenerationRequest } from '@ogong/engine/interface/text';
import type { LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { readAllThreadsMs } from './busy-time.ts';
import { measureInTurn, pairedRatio, type Row } from './row.ts';
import {
  CONTESTS,
  createEndlessRequest,
  explainAbsence,
  ORDINARY,
  openWays,
  type ShapeBench,
  TEXTS,
  type Text,
  type Way,
} from './shape-ways.ts';

type Opened = Way & { readonly engine: LlamaEngine };

const STREAMS = [1, 4, 8];
const AIM = { at: 'least', value: 0.97 } as const;

/** The cost of keeping every pass in its shape class, against the library's own choice, by the number of parallel replies. */
export async function measureShapes(
  bench: ShapeBench,
  backend: 'cpu' | 'vulkan',
  onProgress: (what: string) => void,
): Promise<Row[]> {
  const { baselines, ways } = CONTESTS[backend];
  const absence = explainAbsence(backend);
  if (absence !== undefined) {
    return ways.map(({ id, what }) => ({
      id: `in-class-${backend}-${id}`,
      what: `${bench.name} on ${backend}, ${what}: decode in class / out of it`,
      value: undefined,
      unit: 'x',
      note: absence,
    }));
  }
  await using opened = await openWays(
    bench,
    [...baselines.map((way, i) => ({ texts: i === 0 ? TEXTS : ORDINARY, ...way })), ...ways],
    onProgress,
  );
  const rows: Row[] = [];
  for (const streams of STREAMS) {
    for (const text of TEXTS) {
      const some = opened.ways.filter(({ texts }) => texts.includes(text));
      onProgress(`${streams} together, ${text} text, ${some.length} ways in ${bench.rounds} rounds`);
      rows.push(...(await compareWays(bench, backend, { opened: some, text, streams })));
    }
  }
  return rows;
}

async function compareWays(
  bench: ShapeBench,
  backend: 'cpu' | 'vulkan',
  { opened, text, streams }: { readonly opened: readonly Opened[]; readonly text: Text; readonly streams: number },
): Promise<Row[]> {
  const measures = Object.fromEntries(
    opened.map(({ id, engine }) => [id, () => timeStreams(engine, bench, { text, streams })]),
  );
  const samples = await measureInTurn(bench.rounds, measures);
  const speeds = (id: string) => (samples[id] as readonly Timed[]).map(({ speed }) => speed);
  const { baselines } = CONTESTS[backend];
  const measured = baselines.filter(({ id }) => id in samples);
  return opened.slice(measured.length).flatMap(({ id, what, texts, missed, engine }) =>
    measured.map(
      (baseline, i): Row => ({
        id: `in-class-${backend}-${id}-${baseline.id}-${text}-${streams}`,
        what: `${bench.name} on ${backend}, ${streams} together, ${text} text: decode, ${what} / ${baseline.what}`,
        value: pairedRatio(speeds(id), speeds(baseline.id)),
        unit: 'x',
        ...(i === 0 && text === 'ordinary' && missed ? { aim: AIM, ...missed } : {}),
        note: [
          ...(id === 'auto' ? [`it chose ${engine.info().shapes}`] : []),
          ...(texts.includes('looping') && engine.info().shapes !== 'single'
            ? [describeDrafts(samples[id] as readonly Timed[])]
            : []),
        ].join('; '),
      }),
    ),
  );
}

interface Timed {
  /** Tokens per second of processor time of all the child's threads, without prompts and first tokens. */
  readonly speed: number;
  readonly tokens: number;
  readonly proposed: number;
  readonly accepted: number;
}

function describeDrafts(samples: readonly Timed[]): string {
  const sum = (pick: (sample: Timed) => number) => samples.reduce((total, sample) => total + pick(sample), 0);
  const share = (100 * sum(({ accepted }) => accepted)) / sum(({ tokens }) => tokens);
  return `${share.toFixed(0)} % of the tokens came from ${sum(({ accepted }) => accepted)} right of ${sum(({ proposed }) => proposed)} drafts`;
}

async function timeStreams(
  engine: LlamaEngine,
  bench: ShapeBench,
  { text, streams }: { readonly text: Text; readonly streams: number },
): Promise<Timed> {
  const groups = Math.ceil(bench.sampleTokens / (streams * bench.outputTokens));
  const run = async (maxTokens: number) => {
    const before = readAllThreadsMs(engine.pid() as number);
    const replies = [];
    for (let group = 0; group < groups; group++) {
      const together = Array.from({ length: streams }, (_, i) => {
        const request = createEndlessRequest(engine, bench, group * streams + i, text);
        return countDrafts(engine, { ...request, maxTokens });
      });
      replies.push(...(await Promise.all(together)));
    }
    return { ms: readAllThreadsMs(engine.pid() as number) - before, replies };
  };
  const first = await run(1);
  const full = await run(bench.outputTokens);
  const tokens = groups * streams * (bench.outputTokens - 1);
  return {
    speed: (1000 * tokens) / Math.max(1, full.ms - first.ms),
    tokens,
    proposed: full.replies.reduce((sum, { proposed }) => sum + proposed, 0),
    accepted: full.replies.reduce((sum, { accepted }) => sum + accepted, 0),
  };
}

async function countDrafts(engine: LlamaEngine, request: TextGenerationRequest) {
  let drafts = { proposed: 0, accepted: 0 };
  for await (const event of engine.generate(request)) if (event.kind === 'end') drafts = event.drafts ?? drafts;
  return drafts;
}
