import OpenAI from 'openai';
import { FAKE_MODEL } from './fake-network.ts';
import type { GatewayFixture } from './gateway-fixture.ts';

/** What providers of a fake network answer, unless they are told otherwise. */
export const STORY = 'Once upon a time there was a small fox.';
export const chat = { model: FAKE_MODEL, messages: [{ role: 'user' as const, content: 'Tell me a story' }] };

/** The official client, which asks for receipts beside the answers. */
export const openClient = ({ url }: Pick<GatewayFixture, 'url'>): OpenAI =>
  new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: 'unused',
    maxRetries: 0,
    defaultHeaders: { 'x-ogong-receipt': 'inline' },
  });
