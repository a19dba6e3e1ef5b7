import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface PublishedTemplate {
  readonly name: string;
  readonly source: string;
}

/** A package of npm that carries chat templates of published models. */
export interface TemplatePackage {
  /** With its pinned version. */
  readonly name: string;
  /** How many it carries. */
  readonly count: number;
  /** Reads them from the unpacked package. */
  readonly read: (folder: string) => Promise<readonly PublishedTemplate[]>;
}

/** The package carries the sources of llama.cpp as a bundle of git; models/templates lies among them. */
async function readBundle(folder: string): Promise<readonly PublishedTemplate[]> {
  const sources = join(folder, 'sources');
  await run('git', ['clone', '--quiet', join(folder, 'llama', 'gitRelease.bundle'), sources]);
  const templates = join(sources, 'models', 'templates');
  return readdirSync(templates)
    .filter((name) => name.endsWith('.jinja'))
    .map((name) => ({ name: name.slice(0, -'.jinja'.length), source: readFileSync(join(templates, name), 'utf8') }));
}

/** The two kinds of literals that a formatter of JavaScript leaves. */
const readLiteral = (literal: string): string =>
  JSON.parse(
    literal.startsWith('"') ? literal : `"${literal.slice(1, -1).replaceAll("\\'", "'").replaceAll('"', '\\"')}"`,
  );

/** The package lists models, each with its template. The list is read as a text, since a stranger's code is not run. */
async function readList(folder: string): Promise<readonly PublishedTemplate[]> {
  const list = readFileSync(join(folder, 'src', 'chat-template-automap.ts'), 'utf8');
  return [...list.matchAll(/^\t\tmodel: "library\/(.*)",\n\t\tgguf: ("|')(.*)\2,$/gm)].map(
    ([, name = '', quote = '', body = '']) => ({ name, source: readLiteral(`${quote}${body}${quote}`) }),
  );
}

export const TEMPLATE_PACKAGES: readonly TemplatePackage[] = [
  { name: 'node-llama-cpp@3.22.1', count: 70, read: readBundle },
  { name: '@huggingface/ollama-utils@0.0.18', count: 97, read: readList },
];

/** Downloads a package and unpacks it below the given folder. Nothing of it is run. @returns its own folder. */
export async function bringPackage(name: string, below: string): Promise<string> {
  const packed = ['pack', '--silent', '--ignore-scripts', '--pack-destination', below, name];
  const { stdout } = await run('npm', packed, { cwd: below, timeout: 600_000 });
  await run('tar', ['--extract', '--file', join(below, stdout.trim()), '--directory', below]);
  return join(below, 'package');
}
