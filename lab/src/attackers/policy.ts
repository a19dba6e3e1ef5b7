import type { TextGenerationRequest } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { type Attack, type AttackContext, type AttackDefinition, disguiseEngine } from './attack.ts';
import { substitute } from './substitute.ts';
import { WEIGHT_ATTACKS } from './weights.ts';

/**
 * The parts of a request that a provider sees before it answers. It cannot recognise a test. The beacon of a later
 * epoch draws audits after the commitment, and a test order looks like any other.
 */
export interface RequestView {
  readonly promptTokens: number;
  readonly maxTokens: number;
  /** 2^-16; 0 is greedy. */
  readonly temperatureQ16: number;
  /** Whether the same prompt came before. */
  readonly isRepeated: boolean;
  /** Replies that this provider has served so far. */
  readonly served: number;
  /** The attacker's random number for this request, 0..1. */
  readonly coin: number;
}

export type CheatPolicy = (view: RequestView) => boolean;

/** An attacker that plays `attack` only where its policy says so, and is honest otherwise. */
export function cheatWhen(
  inner: AttackDefinition,
  policy: CheatPolicy,
  context: AttackContext,
): Omit<Attack, 'name' | 'aim'> {
  const { engine, seed = 1 } = context;
  const cheat = inner.create(context);
  /** Marks the replies in which it cheated, by their windows and first leaves: drafts and openings hold no such mark. */
  const windows = new WeakSet<WindowBytes>();
  const leaves = new Set<string>();
  const prompts = new Set<string>();
  const counts = { served: 0, cheated: 0 };
  const view = (request: TextGenerationRequest, promptTokens: Uint32Array): RequestView => {
    const prompt = promptTokens.join();
    const isRepeated = prompts.has(prompt);
    prompts.add(prompt);
    return {
      promptTokens: promptTokens.length,
      maxTokens: request.maxTokens,
      temperatureQ16: request.sampler.temperatureQ16,
      isRepeated,
      served: counts.served++,
      coin: toss(request.drawKey, seed),
    };
  };
  return {
    engine: disguiseEngine(engine, {
      async *generate(request, options) {
        if (!policy(view(request, await engine.tokenizePrompt(request.prompt)))) {
          yield* engine.generate(request, options);
          return;
        }
        counts.cheated++;
        for await (const event of cheat.engine.generate(request, options)) {
          if (event.kind === 'window') {
            windows.add(event.window);
            leaves.add(toHex(event.window.draws));
          }
          yield event;
        }
      },
      close: () => cheat.engine.close(),
    }),
    bendReply: (draft) =>
      cheat.bendReply && draft.windows.some((window) => windows.has(window)) ? cheat.bendReply(draft) : draft,
    openOpening(opening) {
      const isCheated = parseOpening(opening).windows.some(({ draws }) => leaves.has(toHex(draws)));
      return isCheated && cheat.openOpening ? cheat.openOpening(opening) : opening;
    },
    counts: () => ({ ...counts, ...cheat.counts?.() }),
  };
}

/** A random number that nobody else can predict; the same request gives the same number. */
function toss(drawKey: Uint8Array, seed: number): number {
  const digest = crypto.sha256(drawKey, Uint8Array.of(seed >>> 24, seed >>> 16, seed >>> 8, seed));
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0) / 2 ** 32;
}

/** @param inner the attack that it plays when it cheats. Default: a model that every check tells from the sold one. */
function defineBehaviour(
  { name, aim, sampler }: Pick<AttackDefinition, 'name' | 'aim' | 'sampler'>,
  policy: CheatPolicy,
  inner: AttackDefinition = substitute,
): AttackDefinition {
  return {
    name,
    family: 'behaviour',
    aim,
    caughtBy: ['equality'],
    uncaught: 'the replies that it serves as it should',
    ...(inner.cheap ? { cheap: inner.cheap } : {}),
    ...(inner.soldAs ? { soldAs: inner.soldAs } : {}),
    ...(sampler ? { sampler } : {}),
    create: (context) => ({ name, aim, ...cheatWhen(inner, policy, context) }),
  };
}

const FRACTION = 0.1;
const LONG_TOKENS = 128;
const REPUTATION = 20;
/** Temperature 1.3: text falls apart, honest drift varies most, and few honest replies at it were measured. */
const HOT_Q16 = Math.round(1.3 * 2 ** 16);

const sometimes: CheatPolicy = ({ coin }) => coin < FRACTION;
const afterReputation: CheatPolicy = ({ served }) => served >= REPUTATION;
const onHot: CheatPolicy = ({ temperatureQ16 }) => temperatureQ16 >= HOT_Q16;

/** The cheats that are hardest to tell from honest drift. Behaviours play them now and then, which makes it harder. */
const CLOSE = WEIGHT_ATTACKS.filter(({ name }) => name === 'weights-q8-0' || name === 'weights-noise-1e-3');

export const BEHAVIOUR_ATTACKS: readonly AttackDefinition[] = [
  defineBehaviour({ name: 'cheat-sometimes', aim: 'stay under what audits find by cheating on a tenth' }, sometimes),
  // No longer than this: past every verifier's context nobody scores a reply, and it is paid.
  defineBehaviour(
    { name: 'cheat-on-long', aim: 'cheat where it saves most' },
    ({ promptTokens, maxTokens }) => promptTokens + maxTokens >= LONG_TOKENS,
  ),
  defineBehaviour(
    { name: 'cheat-on-short', aim: 'cheat where least is at stake, and hope that nobody looks' },
    ({ promptTokens, maxTokens }) => promptTokens + maxTokens < LONG_TOKENS,
  ),
  defineBehaviour(
    {
      name: 'cheat-unwatched',
      aim: 'be honest to whatever looks like a test: a greedy request, a repeated prompt, a very short answer',
    },
    ({ temperatureQ16, isRepeated, maxTokens }) => temperatureQ16 > 0 && !isRepeated && maxTokens > 8,
  ),
  defineBehaviour({ name: 'cheat-after-reputation', aim: 'earn a name first' }, afterReputation),
  ...CLOSE.flatMap((inner) => {
    const what = inner.name.replace('weights-', '');
    return [
      defineBehaviour(
        { name: `cheat-sometimes-${what}`, aim: 'cheat on a tenth, with what is hard to tell from honest drift' },
        sometimes,
        inner,
      ),
      defineBehaviour(
        { name: `cheat-after-reputation-${what}`, aim: 'earn a name first, then serve what is hard to tell' },
        afterReputation,
        inner,
      ),
      defineBehaviour(
        {
          name: `cheat-on-hot-${what}`,
          aim: 'cheat at high temperatures, where honest drift hides most',
          sampler: 'any',
        },
        onHot,
        inner,
      ),
    ];
  }),
];
