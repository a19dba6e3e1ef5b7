import type { AttackDefinition } from './attack.ts';

/** Of a chat request, besides model. */
export type TrialRequest = Readonly<Record<string, unknown>>;

const ask = (content: string, rest: TrialRequest): TrialRequest => ({
  messages: [
    { role: 'system', content: 'You tell stories.' },
    { role: 'user', content },
  ],
  ...rest,
});

/** Long and short, repeated and fresh, hot and cool: something for every attacker. */
export const REQUESTS: readonly TrialRequest[] = [
  ask('Tell me one.', { max_tokens: 96 }),
  ask('Tell me one.', { max_tokens: 96 }),
  ask('Tell me another.', { max_tokens: 80, temperature: 0.8, top_p: 0.95, top_k: 40 }),
  ask('A short one.', { max_tokens: 24 }),
  ask('And then?', { max_tokens: 70, top_p: 0.9 }),
  ask('Why?', { max_tokens: 128 }),
  ask('Who?', { max_tokens: 160, temperature: 1.2 }),
  ask('Where?', { max_tokens: 96 }),
  // Token 2 ends a reply: this one comes to an end by itself.
  ask('The end?', { max_tokens: 60, logit_bias: { 2: 7 } }),
];
export const TOOLED: readonly TrialRequest[] = ['Ask it.', 'And again?', 'Once more.'].map((content) => ({
  messages: [
    { role: 'system', content: '<tools>find(word: string)</tools>' },
    { role: 'user', content },
  ],
  max_tokens: 96,
}));
export const SEEDED: readonly TrialRequest[] = REQUESTS.map((request) => ({ ...request, seed: 7 }));
/** A provider that earns a name first takes its time. */
export const MANY: readonly TrialRequest[] = Array.from({ length: 32 }, (_, i) =>
  ask(`Story ${i}.`, { max_tokens: i % 2 === 0 ? 8 + i : 100, temperature: [0, 1, 1.6][i % 3] }),
);

/** What shows an attack, if anything does. */
export const requestsFor = ({ family, needs }: AttackDefinition): readonly TrialRequest[] =>
  family === 'behaviour' ? MANY : needs === 'seed' ? SEEDED : needs === 'tools' ? TOOLED : REQUESTS;

const SAME_CODE = /^(weights|prefill|massaged|massaged-knowing|massaged-careful|massaged-hidden)-/;

/** Attacks that differ in their cheap model alone are one attack to a fake model. */
export const isPlayed = ({ name }: AttackDefinition): boolean => !SAME_CODE.test(name) || name.endsWith('-q8-0');

/** The one that is played in the place of another, which is its code with another cheap model. */
export const nameOfPlayed = (attack: AttackDefinition): string =>
  isPlayed(attack) ? attack.name : `${(SAME_CODE.exec(attack.name) as RegExpExecArray)[1]}-q8-0`;
