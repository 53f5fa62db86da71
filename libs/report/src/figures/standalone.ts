import { escapeHtml } from '../page/html.js';
import { FONT, type INK } from './svg.js';

/** What the page's light theme has for each ink: a file has no page to take its colours from. */
const COLOURS: Readonly<Record<keyof typeof INK, string>> = {
  text: '#1a1f29',
  faint: '#5d6675',
  grid: '#e2e5ea',
  policy: '#0b7a75',
  pretrained: '#6b7280',
  bestOf: '#b45309',
  second: '#5b5bd6',
  surface: '#ffffff',
  sequence1: '#d97706',
  sequence2: '#0e9f8f',
  sequence3: '#3b5bdb',
  sequence4: '#6d28d9',
};

export interface Panel {
  /** As the figures of this package give it. */
  readonly svg: string;
  /** CSS pixels. */
  readonly width: number;
  readonly height: number;
}

const MARGIN = 16;
const TITLE_HEIGHT = 54;

/**
 * An SVG file of panels side by side on white, under a title and a line of explanation: what a README can show.
 * @returns the file's text; it refers to nothing outside itself
 */
export function standaloneFigure(panels: readonly Panel[], title: string, caption: string): string {
  const width = panels.reduce((sum, panel) => sum + panel.width, 0) + (panels.length + 1) * MARGIN;
  const height = Math.max(...panels.map((panel) => panel.height)) + TITLE_HEIGHT + 2 * MARGIN;
  let left = MARGIN;
  const placed = panels.map((panel) => {
    const at = `<svg x="${left}" y="${TITLE_HEIGHT + MARGIN}" width="${panel.width}" height="${panel.height}"`;
    left += panel.width + MARGIN;
    return panel.svg.replace(/<svg(?= )/, at);
  });
  const text = (y: number, size: number, weight: number, ink: keyof typeof INK, content: string): string =>
    `<text x="${MARGIN + 8}" y="${y}" font-family="${FONT}" font-size="${size}" font-weight="${weight}" fill="var(--figure-${ink})">${escapeHtml(content)}</text>`;
  const whole = [
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">`,
    `<rect width="100%" height="100%" fill="var(--figure-surface)"/>`,
    text(30, 17, 650, 'text', title),
    text(50, 13, 400, 'faint', caption),
    ...placed,
    '</svg>',
  ].join('\n');
  return `${whole.replace(/var\(--figure-(\w+)\)/g, (_, ink: keyof typeof INK) => COLOURS[ink])}\n`;
}
