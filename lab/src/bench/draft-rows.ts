import { createLlamaEngine, type LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { measureBusy } from './busy-time.ts';
import { createRequest } from './engine-timing.ts';
import { measureInTurn, median, pairedRatio, type Row } from './row.ts';

export interface DraftBench {
  readonly path: string;
  readonly name: string;
  readonly outputTokens: number;
  readonly rounds: number;
  readonly drafts: readonly {
    readonly name: string;
    readonly path: string;
    /** Whether it thinks as the model does, so that the text allows every gain. */
    readonly isAlike: boolean;
  }[];
}

const CONTEXT = 256;
const BEGINNINGS = ['Once upon a time', 'The little dog', 'Lily and Tom went'];

interface TimedReply {
  readonly ms: number;
  readonly tokens: readonly number[];
  readonly accepted: number;
  readonly proposed: number;
}

/** Decoding with guesses of a draft model against the same engine without: the same tokens, or it is an error. */
export async function measureDraftModels({ path, name, outputTokens, rounds, drafts }: DraftBench): Promise<Row[]> {
  const settings = { modelPath: path, threads: 1, contextSize: CONTEXT, sequences: 1, prefixCache: false };
  const engines: LlamaEngine[] = [await createLlamaEngine(settings)];
  try {
    for (const draft of drafts) engines.push(await createLlamaEngine({ ...settings, draftModelPath: draft.path }));
    const reply = async (engine: LlamaEngine, round: number): Promise<TimedReply> => {
      const text = BEGINNINGS[round % BEGINNINGS.length] as string;
      const request = {
        ...createRequest(engine, { promptTokens: 1, outputTokens }, round),
        prompt: { kind: 'text', text } as const,
      };
      const run = async (maxTokens: number) => {
        let end:
          | { readonly tokens: readonly number[]; readonly accepted: number; readonly proposed: number }
          | undefined;
        for await (const event of engine.generate({ ...request, maxTokens }))
          if (event.kind === 'end') {
            const { accepted = 0, proposed = 0 } = event.drafts ?? {};
            end = { tokens: [...event.outputTokens], accepted, proposed };
          }
        if (end === undefined) throw new Error('the engine ended without an end event');
        return end;
      };
      const first = await measureBusy(engine.pid(), () => run(1));
      const { ms, result } = await measureBusy(engine.pid(), () => run(outputTokens));
      return { ...result, ms: ms - first.ms };
    };
    const measures = Object.fromEntries(
      engines.map((engine, i) => [String(i), (round: number) => reply(engine, round)]),
    );
    const samples = await measureInTurn(rounds, measures);
    const of = (index: number): readonly TimedReply[] => samples[String(index)] as readonly TimedReply[];
    const speed = (index: number): number =>
      median(of(index).map(({ ms, tokens }) => (1000 * (tokens.length - 1)) / ms));
    const sum = (replies: readonly TimedReply[], part: 'accepted' | 'proposed'): number =>
      replies.reduce((all, each) => all + each[part], 0);
    return drafts.map(({ name: draft, isAlike }, i) => {
      const own = of(i + 1);
      own.forEach(({ tokens }, round) => {
        if (String(tokens) !== String(of(0)[round]?.tokens)) throw new Error(`${draft} changed the tokens of a reply`);
      });
      const share = sum(own, 'accepted') / Math.max(1, sum(own, 'proposed'));
      const ms = (replies: readonly TimedReply[]) => replies.map((each) => each.ms);
      return {
        id: `draft-model-${draft}`,
        what: `${name}: decode with commitment and guesses of ${draft} / without guesses`,
        value: pairedRatio(ms(of(0)), ms(own)),
        unit: 'x',
        note: `${speed(i + 1).toFixed(0)} against ${speed(0).toFixed(0)} tokens/s at temperature 0.8; ${(100 * share).toFixed(0)} % of ${sum(own, 'proposed')} guesses were right; the same tokens`,
        ...(isAlike && {
          aim: { at: 'least', value: 1.5 } as const,
          why: 'a pass of eight rows costs several steps on a CPU, where a row is arithmetic. The guesses cost as many steps of the draft model',
          next: 'fewer guesses where the last ones were wrong',
        }),
      };
    });
  } finally {
    await Promise.all(engines.map((engine) => engine.close()));
  }
}
