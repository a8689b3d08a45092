// Ends a run with the one line that build servers read: `N passed, N failed, N skipped`; before it stands how many simulated
// cuts the tests counted that say so (`task.meta.cuts`).
export default class CountReporter {
  onTestRunEnd(modules) {
    const count = { passed: 0, failed: 0, skipped: 0 };
    let cuts = 0;
    for (const module of modules) {
      if (module.state() === 'failed' && [...module.children.allTests()].length === 0) count.failed += 1;
      for (const test of module.children.allTests()) {
        count[test.result().state] = (count[test.result().state] ?? 0) + 1;
        if (test.result().state === 'passed') cuts += test.meta().cuts ?? 0;
      }
    }
    if (cuts > 0) process.stdout.write(`\n${cuts} simulated cuts\n`);
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
  }
}
