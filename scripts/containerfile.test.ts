import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OLLAMA_ROUTES } from '@ogong/provider/local/ollama/routes';
import { localConfig } from '@ogong/provider/provider/provider-config';
import { describe, expect, it } from 'vitest';
import { root } from './steps.ts';

// The image itself is built where there is a builder of containers. This test checks every property that needs none.
const instructions = readFileSync(join(root, 'Containerfile'), 'utf8')
  .replace(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => {
    const [, name = '', rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    return { name, rest };
  });

const find = (name: string): string => instructions.findLast((each) => each.name === name)?.rest ?? '';
const readList = (name: string): string[] => JSON.parse(find(name).replace(/^[^[]*/, '')) as string[];
const variables = Object.fromEntries(
  find('ENV')
    .split(' ')
    .map((pair) => pair.split('=') as [string, string]),
);

describe('the Containerfile', () => {
  it('has only instructions that there are, and begins with its base', () => {
    const known = [
      'FROM',
      'WORKDIR',
      'COPY',
      'RUN',
      'USER',
      'ENV',
      'VOLUME',
      'EXPOSE',
      'HEALTHCHECK',
      'ENTRYPOINT',
      'CMD',
    ];
    expect(instructions.filter(({ name }) => !known.includes(name))).toEqual([]);
    expect(instructions[0]?.name).toBe('FROM');
    for (const { rest } of instructions.filter(({ name }) => name === 'FROM'))
      expect(rest).toMatch(/^docker\.io\/library\/node:24-/);
  });

  it('copies what there is, and nothing that is ignored', () => {
    const ignored = readFileSync(join(root, '.containerignore'), 'utf8').split('\n').filter(Boolean);
    const sources = instructions
      .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from'))
      .flatMap(({ rest }) => rest.split(' ').slice(0, -1));
    expect(sources.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(sources.filter((path) => ignored.includes(path))).toEqual([]);
    const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { workspaces: string[] };
    for (const folder of workspaces)
      expect(sources.some((path) => path.startsWith(folder.replace('/*', '')))).toBe(true);
  });

  it('runs the program with the flags of its first line, as another user than root', () => {
    const entry = readList('ENTRYPOINT');
    const path = entry.at(-1)?.replace('/opt/ogong/', '') ?? '';
    const [, flags = ''] = /^#!\/usr\/bin\/env -S (.+)\n/.exec(readFileSync(join(root, path), 'utf8')) ?? [];
    expect(entry.slice(0, -1)).toEqual(flags.split(' '));
    expect(find('USER')).toBe('node');
    const order = instructions.map(({ name }) => name);
    expect(order.lastIndexOf('USER')).toBeGreaterThan(order.lastIndexOf('RUN'));
  });

  it('starts with flags that the program knows, on the port that it shows and asks', () => {
    const [command, ...flags] = readList('CMD');
    expect(command).toBe('local');
    const parsed = localConfig.parse(flags, variables);
    if (parsed.kind !== 'run') throw new Error('printed');
    const { listen, modelsDir, dataDir } = parsed.values;
    expect(String(listen.port)).toBe(find('EXPOSE'));
    expect(readList('VOLUME')).toEqual([modelsDir, dataDir]);
    for (const path of [modelsDir, dataDir])
      expect(instructions.some(({ name, rest }) => name === 'RUN' && rest.includes(path))).toBe(true);
    expect(find('HEALTHCHECK')).toContain(`http://127.0.0.1:${listen.port}${OLLAMA_ROUTES.version.path}`);
  });
});
