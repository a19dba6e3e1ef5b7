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
/** Of answers that are asked for as JSON. */
export const ANSWER_SCHEMA = {
  type: 'object',
  properties: {
    who: { enum: ['a cat', 'a dog', 'the old man', 'nobody'] },
    where: { enum: ['at home', 'in the wood', 'by the sea', 'anywhere'] },
    how: { enum: ['quietly', 'in a hurry', 'with joy'] },
  },
  required: ['who', 'where', 'how'],
} as const;
const STRUCTURED: readonly TrialRequest[] = ['Who was it?', 'Where?', 'Tell me all.', 'Once more.'].map((content, i) =>
  ask(content, {
    max_tokens: i === 3 ? 12 : 120,
    temperature: [1, 0, 1.5, 0.8][i],
    response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: ANSWER_SCHEMA } },
  }),
);
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
  'with a grammar': STRUCTURED,
  many: MANY,
};

const LIST_OF: Readonly<Record<string, readonly TrialRequest[]>> = {
  seed: SEEDED,
  tools: TOOLED,
  grammar: STRUCTURED,
};

/** The requests under which an attack shows, if it shows at all. */
export const requestsFor = ({ family, needs }: AttackDefinition): readonly TrialRequest[] =>
  family === 'behaviour' ? MANY : (LIST_OF[needs ?? 'repeats'] ?? REQUESTS);
