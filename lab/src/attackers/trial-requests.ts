import type { AttackDefinition } from './attack.ts';

/** Fields of a chat request, without its model. */
export type TrialRequest = Readonly<Record<string, unknown>>;

const ask = (content: string, rest: TrialRequest): TrialRequest => ({
  messages: [
    { role: 'system', content: 'You tell stories.' },
    { role: 'user', content },
  ],
  ...rest,
});

/** Long and short, repeated and new, high and low temperature: something for every attacker. */
const REQUESTS: readonly TrialRequest[] = [
  ask('Tell me one.', { max_tokens: 96 }),
  ask('Tell me one.', { max_tokens: 96 }),
  ask('Tell me another.', { max_tokens: 80, temperature: 0.8, top_p: 0.95, top_k: 40 }),
  ask('A short one.', { max_tokens: 24 }),
  ask('And then?', { max_tokens: 70, top_p: 0.9 }),
  ask('Why?', { max_tokens: 128 }),
  ask('Who?', { max_tokens: 160, temperature: 1.2 }),
  ask('Where?', { max_tokens: 96 }),
  // Token 2 ends a reply, and the bias makes it likely.
  ask('The end?', { max_tokens: 60, logit_bias: { 2: 7 } }),
];
const TOOLED: readonly TrialRequest[] = ['Ask it.', 'And again?', 'Once more.'].map((content) => ({
  messages: [{ role: 'user', content: `<tools>find(word: string)</tools>\n${content}` }],
  max_tokens: 96,
}));
const SEEDED: readonly TrialRequest[] = REQUESTS.map((request) => ({ ...request, seed: 7 }));
/** Enough requests for a provider that is honest first and cheats later. */
const MANY: readonly TrialRequest[] = Array.from({ length: 32 }, (_, i) =>
  ask(`Story ${i}.`, { max_tokens: i % 2 === 0 ? 8 + i : 100, temperature: [0, 1, 1.6][i % 3] }),
);

/** All requests, by their purpose. An honest provider passes every one. */
export const REQUEST_LISTS: Readonly<Record<string, readonly TrialRequest[]>> = {
  plain: REQUESTS,
  seeded: SEEDED,
  'with tools': TOOLED,
  many: MANY,
};

/** The requests under which an attack shows, if it shows at all. */
export const requestsFor = ({ family, needs }: AttackDefinition): readonly TrialRequest[] =>
  family === 'behaviour' ? MANY : needs === 'seed' ? SEEDED : needs === 'tools' ? TOOLED : REQUESTS;
