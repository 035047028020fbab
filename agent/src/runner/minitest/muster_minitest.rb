# Loads test files, lists their tests or runs exactly the wanted ones, and reports each as it happens.
#
# Arguments: patterns of test files, -I folder, -r library; what stands after -- is for Minitest.

require_relative "muster_events"

arguments = ARGV.dup
ARGV.clear
own = []
if (mark = arguments.index("--"))
  own = arguments.drop(mark + 1)
  arguments = arguments.take(mark)
end
patterns = []
libraries = []
folders = []
until arguments.empty?
  word = arguments.shift
  case word
  when /\A-I(.*)/ then folders << ($1.empty? ? arguments.shift : $1)
  when /\A-r(.*)/ then libraries << ($1.empty? ? arguments.shift : $1)
  else patterns << word
  end
end
folders = %w[lib test] if folders.empty?
patterns = %w[test/**/*_test.rb test/**/test_*.rb] if patterns.empty?
# As `ruby -Ilib -Itest` has it.
folders.reverse_each { |folder| $LOAD_PATH.unshift(File.expand_path(folder)) }

begin
  require "minitest"
rescue LoadError => error
  raise unless error.path == "minitest"
  warn "minitest is not installed"
  exit 127
end
Muster::EVENTS.hello(Minitest::VERSION)

module Minitest
  # Tests begin when all files are loaded, and not when this program ends.
  def self.autorun
  end
end

# Several at a time would not tell which one took a process down. Newer versions make their threads when they begin.
ENV["MT_CPU"] = "1"
Minitest.parallel_executor = Minitest::Parallel::Executor.new(1)
libraries.each { |library| require library }
files = patterns.flat_map { |pattern| File.file?(pattern) ? [pattern] : Dir[pattern].sort }.uniq
abort "no test files match #{patterns.join(" ")}" if files.empty?
files.each { |file| require File.expand_path(file) }

module Muster
  def self.name(kind, method)
    Muster.readable("#{kind}##{method}")
  end

  # The methods of each class, in the order in which they stand, chosen from what Minitest would run.
  module Choice
    def runnable_methods
      methods = super
      WANTED.nil? ? methods : methods.select { |method| WANTED.key?(Muster.name(self, method)) }
    end
  end

  class Watcher < Minitest::AbstractReporter
    def prerecord(kind, method)
      EVENTS.started(Muster.name(kind, method))
    end

    def record(result)
      kind = result.respond_to?(:klass) ? result.klass : result.class
      failures = result.failures
      outcome = result.skipped? ? "skipped" : (failures.empty? ? "passed" : "failed")
      messages = failures.map { |failure| failure.message.to_s.strip }
      texts = failures.map { |failure| "#{failure.message}\n#{Array(failure.error.backtrace || failure.backtrace).first(50).join("\n")}" }
      EVENTS.finished(
        Muster.name(kind, result.name), outcome, seconds: result.time, message: messages.join("\n"), output: texts.join("\n\n")
      )
    end
  end
end

Minitest::Test.singleton_class.prepend(Muster::Choice)
if Muster::WANTED.nil?
  # Newer versions shuffle by it already where they name the methods.
  Minitest.seed = 1 if Minitest.respond_to?(:seed=)
  names = Minitest::Runnable.runnables.flat_map { |kind| kind.runnable_methods.map { |method| Muster.name(kind, method) } }
  names.uniq.each { |name| Muster::EVENTS.item(name) }
  Muster::EVENTS.listed
  exit!(0)
end

module Minitest
  def self.plugin_muster_init(_options)
    reporter << Muster::Watcher.new
  end
end
Minitest.extensions << "muster"
passed = Minitest.run(own)
Minitest.class_variable_get(:@@after_run).reverse_each(&:call)
exit(passed ? 0 : 1)
