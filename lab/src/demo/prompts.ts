/** One request; fields as OpenAI's API names them. */
export interface PlannedRequest {
  readonly number: number;
  readonly prompt: string;
  readonly isStreamed: boolean;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Beginnings of stories. The offline model continues them, and chat models accept them. */
const stories = [
  'Once upon a time, a small robot lived in a library.',
  'Lily found a key under the old tree.',
  'The dragon was afraid of the dark.',
  'One morning the sea was gone.',
  'Tom and his dog went to look for the moon.',
  'There was a fox who could not tell a lie.',
  'The clock in the kitchen began to talk.',
  'Mia built a boat out of newspapers.',
  'In the winter the bear woke up too early.',
  'A bird brought a letter without a name.',
  'The king lost his shadow on a Monday.',
  'Sam opened the red door.',
];

/** Every kind of sampling that a receipt proves: plain, greedy, filtered, penalised, seeded, stopped. */
const samplings: readonly Readonly<Record<string, unknown>>[] = [
  { temperature: 0.8 },
  { temperature: 0 },
  { temperature: 1, top_p: 0.9 },
  { temperature: 0.9, seed: 7 },
  { temperature: 0.7, presence_penalty: 0.5, frequency_penalty: 0.3 },
  { temperature: 1, stop: ['The end'] },
];

/** Distinct requests; every other one is streamed. The same number gives the same request. */
export function planRequest(number: number, maxTokens: number): PlannedRequest {
  const index = number - 1;
  const round = Math.floor(index / stories.length);
  const story = stories[index % stories.length] as string;
  return {
    number,
    prompt: round === 0 ? story : `${story} It was day ${round + 1}.`,
    isStreamed: index % 2 === 0,
    parameters: { ...samplings[index % samplings.length], max_tokens: maxTokens - (index % 3) * 8 },
  };
}
