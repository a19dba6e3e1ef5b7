// Checks that comments, messages, test names, pages and commit subjects are plain English.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { areaNames, findArea } from './areas.ts';
import {
  type Baseline,
  compareCounts,
  countFindings,
  formatBaseline,
  lowerBaseline,
  parseBaseline,
} from './baseline.ts';
import { checkSubject, readAt, readSubjects } from './commits.ts';
import { checkFragment, type Finding } from './rules.ts';
import { isRead, readFragments } from './sources.ts';
import { HOUSE_WORDS } from './words.ts';

const here = dirname(fileURLToPath(import.meta.url));
const USAGE = `usage: node scripts/run.mjs scripts/english/main.ts [--root FOLDER] [MODE]
  (no mode)        compares each file with the baseline and checks commit subjects
  --list PATH...   prints the findings in these files and folders
  --count          prints totals by area
  --update         lowers the baseline to the present counts; writes it if there is none
  --words          prints the house words and their replacements`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: 'string' },
    list: { type: 'boolean' },
    count: { type: 'boolean' },
    update: { type: 'boolean' },
    words: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
const root = resolve(values.root ?? join(here, '..', '..'));
const baselinePath = join(root, 'scripts', 'english', 'baseline.txt');

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 27 });
}

function listPaths(): string[] {
  const paths = git('ls-files', '--cached', '--others', '--exclude-standard').split('\n');
  // A path in the index may be deleted in the working tree.
  return [...new Set(paths)].filter((path) => path !== '' && isRead(path) && existsSync(join(root, path))).sort();
}

const checkText = (path: string, text: string): Finding[] =>
  readFragments(path, text)
    .flatMap((fragment) => checkFragment(path, fragment))
    .sort((a, b) => a.line - b.line);

const checkFile = (path: string): Finding[] => checkText(path, readFileSync(join(root, path), 'utf8'));

const formatFinding = ({ path, line, rule, sentence, advice }: Finding): string =>
  `${path}:${line} ${rule}: ${sentence}\n    ${advice}`;

function printList(wanted: readonly string[]): void {
  const prefixes = wanted.map((path) => path.replace(/^\.\//, '').replace(/\/$/, ''));
  const paths = listPaths().filter((path) =>
    prefixes.some((prefix) => prefix === '.' || path === prefix || path.startsWith(`${prefix}/`)),
  );
  const findings = paths.flatMap(checkFile);
  for (const finding of findings) console.log(formatFinding(finding));
  console.log(
    `${findings.length} findings in ${new Set(findings.map(({ path }) => path)).size} of ${paths.length} files`,
  );
}

function printCounts(findings: readonly Finding[]): void {
  const row = (cells: readonly (string | number)[]): string =>
    cells.map((cell, index) => (index === 0 ? String(cell).padEnd(18) : String(cell).padStart(8))).join('');
  console.log(row(['area', 'head', 'length', 'word', 'all']));
  for (const [name, isOf] of [
    ...areaNames.map((area) => [area, (at: string) => findArea(at) === area] as const),
    ['all', () => true] as const,
  ]) {
    const own = findings.filter(({ path }) => isOf(path));
    const counts = (['head', 'length', 'word'] as const).map((rule) => own.filter((of) => of.rule === rule).length);
    console.log(row([name, ...counts, own.length]));
  }
}

/** The newest commit that a published branch has, for a first baseline: its subjects stay as they are. */
function findPublished(): string {
  const branch = git('branch', '--all', '--format=%(refname)', '--list', 'main', 'origin/main').split('\n')[0];
  return git('merge-base', 'HEAD', branch || 'HEAD').trim();
}

const readBaseline = (): Baseline =>
  existsSync(baselinePath)
    ? parseBaseline(readFileSync(baselinePath, 'utf8'))
    : { since: findPublished(), counts: new Map() };

function updateBaseline(findings: readonly Finding[], paths: ReadonlySet<string>): void {
  const { since, counts } = readBaseline();
  const now = countFindings(findings);
  const next = existsSync(baselinePath) ? lowerBaseline(counts, now, (path) => paths.has(path)) : now;
  writeFileSync(baselinePath, formatBaseline({ since, counts: next }));
  console.log(`language: the baseline holds ${[...next.values()].reduce((sum, count) => sum + count, 0)} findings`);
}

/** Picks the findings that an older text of the file has not; all if that is none. */
function pickNew(findings: readonly Finding[], older: string | undefined): readonly Finding[] {
  const path = findings[0]?.path;
  if (path === undefined || older === undefined) return findings;
  const known = new Set(checkText(path, older).map(({ sentence, rule }) => `${rule} ${sentence}`));
  const fresh = findings.filter(({ sentence, rule }) => !known.has(`${rule} ${sentence}`));
  return fresh.length > 0 ? fresh : findings;
}

function compare(findings: readonly Finding[]): void {
  const { since, counts } = readBaseline();
  const { above, below } = compareCounts(counts, countFindings(findings));
  for (const key of above) {
    const [path = '', rule] = key.split('\t');
    console.error(`${path} has more findings of rule "${rule}" than the baseline allows (${counts.get(key) ?? 0}):`);
    const own = findings.filter((finding) => finding.path === path && finding.rule === rule);
    for (const finding of pickNew(own, readAt(root, since, path))) console.error(formatFinding(finding));
  }
  for (const key of below) console.error(`${key.replace('\t', ' ')}: fewer findings than in the baseline`);
  if (below.length > 0) console.error('Lower the baseline: node scripts/run.mjs scripts/english/main.ts --update');
  const subjects = readSubjects(root, since);
  if (subjects === undefined) console.log(`language: commit subjects not checked, the history lacks ${since}`);
  const inSubjects = (subjects ?? []).flatMap(({ hash, subject }) => checkSubject(hash, subject));
  for (const finding of inSubjects) console.error(formatFinding(finding));
  const isGood = above.length + below.length + inSubjects.length === 0;
  console.log(
    `language: ${isGood ? 'no finding above the baseline' : 'the baseline does not fit'}, ${findings.length} findings left`,
  );
  process.exitCode = isGood ? 0 : 1;
}

if (values.help) console.log(USAGE);
else if (values.words) for (const { word, useInstead } of HOUSE_WORDS) console.log(`${word}\t${useInstead}`);
else if (values.list) printList(positionals);
else if (positionals.length > 0) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  const paths = listPaths();
  const findings = paths.flatMap(checkFile);
  if (values.count) printCounts(findings);
  else if (values.update) updateBaseline(findings, new Set(paths));
  else compare(findings);
}
