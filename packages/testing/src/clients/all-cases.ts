import { AI_SDK_CASES, AI_SDK_OLLAMA_CASES } from './ai-sdk-cases.ts';
import { ANTHROPIC_CASES } from './anthropic-cases.ts';
import type { ClientCase } from './client-case.ts';
import { LANGCHAIN_CASES } from './langchain-cases.ts';
import { OLLAMA_CASES } from './ollama-cases.ts';
import { CHAT_CASES, COMPLETION_CASES, IMAGE_CASES, RESPONSES_CASES } from './openai-cases.ts';

/** Every feature of every client. docs/clients.md is written from them. */
export const ALL_CASES: readonly ClientCase[] = [
  ...CHAT_CASES,
  ...COMPLETION_CASES,
  ...RESPONSES_CASES,
  ...IMAGE_CASES,
  ...ANTHROPIC_CASES,
  ...OLLAMA_CASES,
  ...AI_SDK_CASES,
  ...AI_SDK_OLLAMA_CASES,
  ...LANGCHAIN_CASES,
];
