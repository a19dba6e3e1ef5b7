import OpenAI from 'openai';
import { FAKE_MODEL } from './fake-network.ts';
import type { GatewayFixture } from './gateway-fixture.ts';

/** Default answer of the fake network's providers. */
export const STORY = 'Once upon a time there was a small fox.';
export const chat = { model: FAKE_MODEL, messages: [{ role: 'user' as const, content: 'Tell me a story' }] };

/** The official client, with receipts requested beside the answers. */
export const openClient = ({ url }: Pick<GatewayFixture, 'url'>): OpenAI =>
  new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: 'unused',
    maxRetries: 0,
    defaultHeaders: { 'x-ogong-receipt': 'inline' },
  });
