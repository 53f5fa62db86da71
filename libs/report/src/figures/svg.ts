import { createHash } from 'node:crypto';
import { CustomChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, MarkLineComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { LegacyGridContainLabel } from 'echarts/features';
import { SVGRenderer } from 'echarts/renderers';
import type { EChartsOption } from 'echarts';

echarts.use([
  CustomChart,
  LineChart,
  GridComponent,
  LegacyGridContainLabel,
  LegendComponent,
  MarkLineComponent,
  SVGRenderer,
]);

/**
 * ECharts computes with colours, so it gets plain ones; each stands for a custom property of the page, which differs
 * between light and dark. No two may be equal.
 */
export const INK = {
  text: '#010203',
  faint: '#010204',
  grid: '#010205',
  policy: '#010206',
  pretrained: '#010207',
  bestOf: '#010208',
  second: '#010209',
  surface: '#01020a',
  sequence1: '#01020b',
  sequence2: '#01020c',
  sequence3: '#01020d',
  sequence4: '#01020e',
} as const;

/** For what has an order, from less to more. */
export const SEQUENCE = [INK.sequence1, INK.sequence2, INK.sequence3, INK.sequence4] as const;

export type Ink = (typeof INK)[keyof typeof INK];

/** In single quotes: it stands in attributes. */
export const FONT = "ui-sans-serif, system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/**
 * Renders a chart to an `<svg>` that scales with its container and takes its colours from the page.
 * @param size in CSS pixels at scale 1: text is 12 pixels then
 * @param description what a reader who does not see the figure should know
 */
export function renderSvg(
  option: EChartsOption,
  size: { readonly width: number; readonly height: number },
  description: string,
): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
  try {
    chart.setOption({ animation: false, textStyle: { fontFamily: FONT, fontSize: 12 }, ...option });
    return themed(chart.renderToSVGString(), description);
  } finally {
    chart.dispose();
  }
}

function themed(svg: string, description: string): string {
  let text = svg;
  for (const [name, colour] of Object.entries(INK)) text = text.replaceAll(colour, `var(--figure-${name})`);
  // Ids and class names come from a counter of the process. Equal input must give equal bytes, and the page holds
  // several figures, whose clip paths must not be taken for one another's.
  const prefix = `figure-${createHash('sha256').update(description).digest('hex').slice(0, 8)}`;
  const names = new Map<string, string>();
  text = text.replace(/\bzr\d+-[a-z]+(?:-?\d+)?\b/g, (name) => {
    if (!names.has(name)) names.set(name, `${prefix}-${names.size}`);
    return names.get(name)!;
  });
  const label = description.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  return text.replace(/<svg width="\d+" height="\d+"/, `<svg role="img" aria-label="${label}"`);
}
