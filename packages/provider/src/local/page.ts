import { readFileSync } from 'node:fs';
import type { ApiContext, Handler } from '@ogong/host/http/api-app';
import type { Route } from '@ogong/protocol/http/routes';
import { CHECK_GROUPS, GROUP_TEXTS, listCheckIds } from '@ogong/protocol/verdict/check-groups';

const FOLDER = new URL('../../page/', import.meta.url);

/** The files of the page, all that it loads. */
const FILES = {
  page: ['index.html', 'text/html; charset=utf-8'],
  style: ['page.css', 'text/css; charset=utf-8'],
  design: ['generated/design.css', 'text/css; charset=utf-8'],
  talk: ['generated/talk.css', 'text/css; charset=utf-8'],
  script: ['page.js', 'text/javascript; charset=utf-8'],
  view: ['view.js', 'text/javascript; charset=utf-8'],
  pictures: ['pictures.js', 'text/javascript; charset=utf-8'],
  pull: ['pull.js', 'text/javascript; charset=utf-8'],
  markdown: ['generated/markdown.js', 'text/javascript; charset=utf-8'],
  pictureStream: ['generated/pictures.js', 'text/javascript; charset=utf-8'],
  icon: ['icon.svg', 'image/svg+xml'],
} as const;

/** Routes besides the page itself, which is at `/` for browsers. */
export const PAGE_ROUTES = {
  style: { method: 'GET', path: '/page/page.css' },
  design: { method: 'GET', path: '/page/generated/design.css' },
  talk: { method: 'GET', path: '/page/generated/talk.css' },
  script: { method: 'GET', path: '/page/page.js' },
  view: { method: 'GET', path: '/page/view.js' },
  pictures: { method: 'GET', path: '/page/pictures.js' },
  pull: { method: 'GET', path: '/page/pull.js' },
  markdown: { method: 'GET', path: '/page/generated/markdown.js' },
  pictureStream: { method: 'GET', path: '/page/generated/pictures.js' },
  icon: { method: 'GET', path: '/page/icon.svg' },
  groups: { method: 'GET', path: '/page/check-groups.json' },
} as const satisfies Readonly<Record<string, Route>>;

/** Nothing of another place, nothing inline, no text that becomes markup, and no other page around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** The table of groups, as the page reads it. */
const GROUPS = CHECK_GROUPS.map((group) => ({ ...GROUP_TEXTS[group], ids: listCheckIds(group) }));

export function createPageHandlers(): Readonly<Record<keyof typeof FILES | keyof typeof PAGE_ROUTES, Handler>> {
  const load = ([file, type]: readonly [string, string]): Handler => {
    const bytes = new Uint8Array(readFileSync(new URL(file, FOLDER)));
    const headers = {
      'content-type': type,
      'content-security-policy': POLICY,
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
      vary: 'accept',
    };
    return (context) => context.body(bytes, 200, headers);
  };
  return {
    ...{ page: load(FILES.page), style: load(FILES.style), icon: load(FILES.icon) },
    ...{ design: load(FILES.design), talk: load(FILES.talk), pull: load(FILES.pull) },
    ...{ script: load(FILES.script), view: load(FILES.view), markdown: load(FILES.markdown) },
    ...{ pictures: load(FILES.pictures), pictureStream: load(FILES.pictureStream) },
    groups: (context) => context.json(GROUPS, 200, { 'x-content-type-options': 'nosniff' }),
  };
}

/** A browser asks for HTML by name; clients that look whether Ollama runs take anything. */
export const wantsPage = ({ req }: ApiContext): boolean => /\btext\/html\b/.test(req.header('accept') ?? '');
