// A chat that remembers its user. Each run is a session of its own, and memories carry over:
//
//   node docs/examples/remembering-chat.ts "I live in Porto."
//   node docs/examples/remembering-chat.ts "Where do I live?"
import { createOgong, rememberConversation } from '@ogong/ai-provider';
import { createMemoryClient } from '@ogong/sdk';
import { generateText, wrapLanguageModel } from 'ai';
import { type ExampleSettings, readSettings } from './settings.ts';

/** Answers a message in a new session, and waits until the exchange is remembered. */
export async function answerMessage(message: string, { gateway, memory, model }: ExampleSettings): Promise<string> {
  const work: Promise<void>[] = [];
  const middleware = rememberConversation(createMemoryClient(memory), {
    agentId: 'remembering-chat',
    onFailure: ({ step, error }) => console.error(`${step}:`, error),
    waitUntil: (one) => work.push(one),
  });
  const remembering = wrapLanguageModel({ model: createOgong(gateway)(model), middleware });
  const { text } = await generateText({ model: remembering, prompt: message });
  await Promise.all(work);
  return text;
}

if (import.meta.main) console.log(await answerMessage(process.argv[2] ?? 'Hello.', readSettings(process.env)));
