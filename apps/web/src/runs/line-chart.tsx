import { useComputedColorScheme } from '@mantine/core';
import { LineChart as Lines } from 'echarts/charts';
import { GridComponent, TooltipComponent } from 'echarts/components';
import { type EChartsType, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'react';
import { formatNumber } from '../ui/format.js';
import type { ChartLine } from './charts.js';

use([Lines, GridComponent, TooltipComponent, SVGRenderer]);

/** Lines over the step's own index (updates, iterations). Colours follow the page's scheme. */
export function LineChart({
  lines,
  label,
  height = 150,
}: {
  lines: readonly ChartLine[];
  label: string;
  height?: number;
}) {
  const element = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const scheme = useComputedColorScheme('light');

  useEffect(() => {
    const created = init(element.current, undefined, { renderer: 'svg' });
    chart.current = created;
    const observer = new ResizeObserver(() => created.resize());
    observer.observe(element.current!);
    return () => {
      observer.disconnect();
      created.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    chart.current?.setOption(optionOf(lines, element.current!));
  }, [lines, scheme]);

  return <div ref={element} role="img" aria-label={label} style={{ height, width: '100%' }} />;
}

function optionOf(lines: readonly ChartLine[], element: HTMLElement) {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const text = colour('--mantine-color-dimmed');
  const font = { fontFamily: style.fontFamily, fontSize: 11, color: text };
  return {
    animation: false,
    grid: { left: 46, right: 14, top: 12, bottom: 22, outerBoundsMode: 'none' as const },
    tooltip: {
      trigger: 'axis' as const,
      confine: true,
      transitionDuration: 0,
      backgroundColor: colour('--surface'),
      borderColor: colour('--mantine-color-default-border'),
      textStyle: { ...font, color: colour('--mantine-color-text') },
      valueFormatter: (value: unknown) => (typeof value === 'number' ? formatNumber(value) : String(value)),
    },
    xAxis: {
      type: 'value' as const,
      min: 'dataMin' as const,
      max: 'dataMax' as const,
      minInterval: 1,
      splitNumber: 4,
      axisLabel: { ...font, hideOverlap: true, formatter: (value: number) => formatNumber(value) },
      axisLine: { lineStyle: { color: colour('--mantine-color-default-border') } },
      axisTick: { show: false },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value' as const,
      scale: true,
      splitNumber: 3,
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { ...font, formatter: (value: number) => formatNumber(value) },
      splitLine: { lineStyle: { color: colour('--hairline') } },
    },
    series: lines.map((line, index) => ({
      type: 'line' as const,
      name: line.title,
      data: line.points.map(([at, value]) => [at, value]),
      showSymbol: line.points.length < 3,
      symbolSize: 6,
      lineStyle: { width: 1.75 },
      color: colour(`--series-${(index % 4) + 1}`),
    })),
  };
}
