import { type AIMessageChunk, HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { expect } from 'vitest';
import {
  CITY,
  type ClientCase,
  type ClientTarget,
  cutAtStop,
  LIMIT,
  listCases,
  QUESTION,
  THING_SCHEMA,
  WEATHER,
} from './client-case.ts';

const configure = ({ origin, fetch }: ClientTarget) => ({ baseURL: `${origin}/v1`, fetch });

const connect = (target: ClientTarget, more: object = {}): ChatOpenAI =>
  new ChatOpenAI({
    ...{ model: target.model, apiKey: 'none', configuration: configure(target) },
    ...{ temperature: 0, maxTokens: LIMIT, maxRetries: 0 },
    ...more,
  });

const question = [new HumanMessage(QUESTION)];

/** The message type does not declare this field. */
const readUsage = (message: object) =>
  (message as { usage_metadata?: { input_tokens: number; output_tokens: number; total_tokens: number } })
    .usage_metadata;

const createRuns = (more: object): Partial<Record<ClientCase['feature'], ClientCase['run']>> => ({
  async answer(target) {
    expect((await connect(target, more).invoke(question)).text).toBe(target.answer);
  },
  async stream(target) {
    let text = '';
    for await (const chunk of await connect(target, more).stream(question)) text += chunk.text;
    expect(text).toBe(target.answer);
  },
  async 'token limit'(target) {
    const usage = readUsage(await connect(target, { ...more, maxTokens: 3 }).invoke(question));
    expect(usage?.output_tokens).toBe(3);
  },
  async usage(target) {
    const usage = readUsage(await connect(target, more).invoke(question));
    expect(usage?.total_tokens).toBe((usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0));
    expect(usage?.input_tokens).toBeGreaterThan(0);
  },
  async errors(target) {
    const lost = connect({ ...target, model: 'ogong/verified/no/such' }, more).invoke(question);
    await expect(lost).rejects.toMatchObject({ status: 404 });
  },
  async 'JSON of a schema'(target) {
    const model = connect(target, { ...more, maxTokens: 200 });
    const schema = { title: 'thing', ...THING_SCHEMA };
    const thing = await model
      .withStructuredOutput(schema as never, { method: 'jsonSchema', strict: true })
      .invoke(question);
    expect(thing).toMatchObject({ color: expect.stringMatching(/red|green/), size: expect.any(Number) });
  },
  async tools(target) {
    const model = connect(target, { ...more, maxTokens: 200 });
    // The client does not send `required` in requests for responses.
    const forced = model.bindTools([{ type: 'function', function: WEATHER }], { tool_choice: WEATHER.name });
    const whole = await forced.invoke(question);
    let streamed: AIMessageChunk | undefined;
    for await (const chunk of await forced.stream(question)) streamed = streamed?.concat(chunk) ?? chunk;
    for (const message of [whole, streamed]) {
      expect(message?.tool_calls).toMatchObject([{ name: WEATHER.name, args: { city: expect.stringMatching(CITY) } }]);
    }
    const answers = (whole.tool_calls ?? []).map(
      ({ id }) => new ToolMessage({ tool_call_id: id as string, content: 'Sun.' }),
    );
    const last = await connect(target, more).invoke([...question, whole, ...answers]);
    expect(last.text).not.toBe('');
  },
});

export const LANGCHAIN_CASES: readonly ClientCase[] = [
  ...listCases('LangChain JS: ChatOpenAI', {
    ...createRuns({}),
    async stop(target) {
      const { text } = await connect(target).invoke(question, { stop: [target.stop] });
      expect(text).toBe(cutAtStop(target));
    },
    async embeddings(target) {
      const { embeddingModel: model } = target;
      const settings = { model, apiKey: 'none', configuration: configure(target), maxRetries: 0 };
      const vectors = await new OpenAIEmbeddings(settings).embedDocuments(['a dog', 'a cat']);
      expect(vectors).toHaveLength(2);
      expect(vectors[0]).not.toEqual(vectors[1]);
    },
  }),
  ...listCases('LangChain JS: ChatOpenAI (responses)', createRuns({ useResponsesApi: true })),
];
