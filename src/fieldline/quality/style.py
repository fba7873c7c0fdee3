"""How the page of a report looks: light and dark, wide and narrow."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5a6675; --line: #d5dbe2; --page: #ffffff; --card: #f5f7f9;
  --good: #4a90c2; --none: #a3adb8; --suspect: #f2a900; --fail: #c8321f; --hatch: #c3cad2; --link: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ed; --soft: #a2adb9; --line: #3a444f; --page: #14181d;
  --card: #1d232a; --hatch: #47525e; --link: #7fb8ee; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem clamp(.7rem, 3vw, 2.5rem) 3rem; max-width: 78rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .3rem; padding-top: .8rem; border-top: 2px solid var(--line);
  overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .3rem; }
a { color: var(--link); }
p { margin: .4rem 0; }
.soft, figcaption, caption { color: var(--soft); font-size: .88rem; }
caption { text-align: left; padding-bottom: .3rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .22rem .6rem .22rem 0; border-bottom: 1px solid var(--line);
  vertical-align: middle; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: nowrap; }
tbody th { font-weight: 500; overflow-wrap: break-word; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.sum tbody th { position: sticky; left: 0; background: var(--page); min-width: 8rem; max-width: 17rem; }
.sum .words { min-width: 11rem; padding-left: 1rem; } .sum thead .words { padding-left: 1rem; }
.when { white-space: nowrap; }
.unit { color: var(--soft); font-weight: 400; font-size: .82rem; white-space: nowrap; }
.bar { display: flex; width: 9rem; height: .95rem; border-radius: 2px; overflow: hidden; }
.bar i { min-width: 2px; }
.good { background: var(--good); } .suspect { background: var(--suspect); } .not_evaluated { background: var(--none); }
.fail { background: repeating-linear-gradient(45deg, var(--fail) 0 4px, #7d1a0f 4px 6px); }
.missing, .hatch { background: repeating-linear-gradient(135deg, var(--card) 0 3px, var(--hatch) 3px 4px); }
.strips { table-layout: fixed; } .strips thead th:first-child { width: 12.5rem; }
.strips td, .strips th { border: 0; padding-block: 1px; line-height: 1.25; }
.strips td { padding-right: 0; }
img { display: block; width: 100%; image-rendering: pixelated; }
.strip { height: 1.15rem; }
.axis { position: relative; height: 1.3rem; color: var(--soft); font-size: .78rem; font-weight: 400; }
.axis span { position: absolute; border-left: 1px solid var(--soft); padding-left: 3px; white-space: nowrap; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; margin: .4rem 0; list-style: none;
  font-size: .9rem; }
.legend i { display: inline-block; width: 1.1rem; height: .85rem; margin-right: .4rem; vertical-align: -1px;
  border: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; background: var(--card); }
summary { cursor: pointer; padding: .45rem .8rem; overflow-wrap: anywhere; }
details > div { padding: 0 .8rem .8rem; background: var(--page); border-radius: 0 0 6px 6px; }
figure { margin: .7rem 0; }
.print { display: grid; grid-template-columns: max-content 1fr; column-gap: .5rem; }
.print .dates { display: flex; flex-direction: column; justify-content: space-between; color: var(--soft);
  font-size: .78rem; line-height: 1; }
.print .axis { grid-column: 2; }
.ramp { display: inline-block; width: 7rem; height: .8rem; vertical-align: -1px;
  background: linear-gradient(90deg, #d3e9f5, #5a9fc9, #0d3a66); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 0 2rem; }
ol, ul { margin: .2rem 0; padding-left: 1.3rem; }
@media (max-width: 700px) { .bar { width: 5.5rem; } h1 { font-size: 1.3rem; } table { font-size: .85rem; }
  .strips thead th:first-child { width: 6.8rem; } .strips tbody th { font-size: .78rem; }
  tbody th { overflow-wrap: anywhere; } .sum tbody th { max-width: 9rem; } .sum .unit { display: block; } }
@media print { details { break-inside: avoid; } }
"""
