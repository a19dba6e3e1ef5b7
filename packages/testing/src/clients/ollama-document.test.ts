import { describe, expect, it } from 'vitest';
import { missingOllamaDocument, openOllamaDocument } from './ollama-document.ts';

describe.skipIf(missingOllamaDocument !== undefined)(`Ollama's document (${missingOllamaDocument ?? 'here'})`, () => {
  const message = { role: 'assistant', content: 'a' };
  const line = { model: 'm', created_at: '2026-01-01T00:00:00Z', message, done: false };
  const model = {
    ...{ name: 'm', model: 'm', size: 1, digest: '00', context_length: 8, size_vram: 0, expires_at: '2026' },
    details: {},
  };

  it('accepts an answer that has all fields', () => {
    const assertSchema = openOllamaDocument();
    assertSchema('ChatStreamEvent', line);
    assertSchema('PsResponse', { models: [model] });
  });

  it.each<[string, string, unknown]>([
    ['a field is missing', 'ChatStreamEvent', { ...line, done: undefined }],
    ['a field is unknown', 'ChatStreamEvent', { ...line, more: 1 }],
    ['a field of a message is unknown', 'ChatStreamEvent', { ...line, message: { ...message, more: 1 } }],
    ['a field is of another type', 'VersionResponse', { version: 1 }],
    ['an item of a list lacks a field', 'PsResponse', { models: [{ ...model, digest: undefined }] }],
  ])('fails where %s', (_what, name, value) => {
    const assertSchema = openOllamaDocument();
    expect(() => assertSchema(name, JSON.parse(JSON.stringify(value)))).toThrow();
  });
});
