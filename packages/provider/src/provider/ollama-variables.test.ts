import { describe, expect, it } from 'vitest';
import { localConfig, withOllamaVariables } from './provider-config.ts';

const read = (env: Record<string, string>, argv: readonly string[] = []) => {
  const parsed = localConfig.parse(argv, withOllamaVariables(env));
  if (parsed.kind !== 'run') throw new Error('it prints');
  const { listen, origin } = parsed.values;
  return { listen, origin };
};

describe("Ollama's variables", () => {
  it.each([
    ['0.0.0.0', '0.0.0.0', 11434],
    ['0.0.0.0:8080', '0.0.0.0', 8080],
    [':8080', '0.0.0.0', 8080],
    ['localhost', 'localhost', 11434],
    ['http://127.0.0.1:9000/', '127.0.0.1', 9000],
    ['http://127.0.0.1', '127.0.0.1', 80],
    ['"127.0.0.1"', '127.0.0.1', 11434],
    ['::1', '::1', 11434],
    ['[::1]', '::1', 11434],
    ['[::1]:9000', '::1', 9000],
  ])('OLLAMA_HOST=%s listens on %s port %i', (value, host, port) => {
    expect(read({ OLLAMA_HOST: value }).listen).toEqual({ host, port });
  });

  it('name origins, and give way to our own variables and flags', () => {
    expect(read({ OLLAMA_ORIGINS: 'https://a.example,http://192.168.*' }).origin).toEqual([
      'https://a.example',
      'http://192.168.*',
    ]);
    const env = { OLLAMA_HOST: '0.0.0.0', OGONG_PROVIDER_LOCAL_LISTEN: '127.0.0.1:1' };
    expect(read(env).listen).toEqual({ host: '127.0.0.1', port: 1 });
    expect(read({ OLLAMA_HOST: '0.0.0.0' }, ['--listen', '127.0.0.1:2']).listen).toEqual({
      host: '127.0.0.1',
      port: 2,
    });
    expect(read({}).listen).toEqual({ host: '127.0.0.1', port: 11434 });
  });
});
