import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

/** Screens on which every page has to fit: a phone, a tablet and a desk, each in light and dark. */
export const SCREENS = [390, 768, 1280].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ width, height: 800, colorScheme })),
);
type PageScreen = (typeof SCREENS)[number];

/** Shows the open page on another screen. */
export async function changeScreen(page: Page, { width, height, colorScheme }: PageScreen): Promise<void> {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme });
}

let axe: string | undefined;

/** Returns the findings of axe by the rules of WCAG 2.2 A and AA and its best practices. */
export async function findBarriers(page: Page): Promise<string[]> {
  axe ??= readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  // It stays in the page until another one is loaded.
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(axe);
  const rules = JSON.stringify(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);
  const violations = (await page.evaluate(
    `axe.run(document, { runOnly: ${rules}, resultTypes: ['violations'] }).then((found) => found.violations)`,
  )) as { id: string; nodes: { html: string }[] }[];
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

/** Elements beside the screen, if the page scrolls to the side. Regions that scroll by themselves may be wider. */
const FIND_WIDE = `document.documentElement.scrollWidth <= innerWidth ? [] : ['the page is wider than the screen',
  ...[...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > innerWidth && !one.closest('.scroll, .wide-table, .top nav, pre'))
    .map((one) => one.outerHTML.slice(0, 120))]`;

/** Returns elements that are wider than the screen; none if the page does not scroll to the side. */
export const findWide = (page: Page): Promise<string[]> => page.evaluate<string[]>(FIND_WIDE);

/**
 * Returns the faults of a page whose regions share the screen. A fault is a region outside the screen, two regions that overlap, or a
 * page that is wider than the screen.
 * @param regions selectors of elements that have to be visible.
 */
export async function findLayoutFaults(page: Page, regions: readonly string[]): Promise<string[]> {
  const boxes = await Promise.all(
    regions.map(async (name) => ({ name, box: await page.locator(name).first().boundingBox() })),
  );
  const { width = 0, height = 0 } = page.viewportSize() ?? {};
  const outside = boxes
    .filter(
      ({ box }) =>
        box === null ||
        box.width < 1 ||
        box.height < 1 ||
        box.y < 0 ||
        box.x < 0 ||
        box.y + box.height > height + 1 ||
        box.x + box.width > width + 1,
    )
    .map(({ name, box }) => `${name} is not on the screen: ${JSON.stringify(box)}`);
  const overlaps = boxes.flatMap((a, i) =>
    boxes.slice(i + 1).flatMap((b) => {
      if (a.box === null || b.box === null) return [];
      const wide = Math.min(a.box.x + a.box.width, b.box.x + b.box.width) - Math.max(a.box.x, b.box.x);
      const high = Math.min(a.box.y + a.box.height, b.box.y + b.box.height) - Math.max(a.box.y, b.box.y);
      return wide > 1 && high > 1 ? [`${a.name} and ${b.name} overlap`] : [];
    }),
  );
  return [...(await findWide(page)), ...outside, ...overlaps];
}
