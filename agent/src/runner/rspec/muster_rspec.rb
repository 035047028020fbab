# A formatter of RSpec that names the examples, keeps RSpec to the wanted ones, and reports each as it happens.

require_relative "muster_events"
require "rspec/core"

module Muster
  EVENTS.hello(RSpec::Core::Version::STRING)

  # The examples by their names, as they stand in their files; the same before and after they have run.
  def self.names
    @names ||= begin
      names = Names.new
      RSpec.world.all_examples.to_h { |example| [example, names.next(name_of(example))] }
    end
  end

  def self.name_of(example)
    data = example.metadata
    title = data[:full_description].to_s.strip
    title = "#{title} (line #{data[:line_number]})".strip if data[:description].to_s.empty?
    "#{data[:rerun_file_path]} > #{title}"
  end

  # Of the files only those of wanted examples are loaded.
  module Files
    def files_to_run
      return super if WANTED.nil? || LOOKS_EVERYWHERE
      @muster_files ||= WANTED.keys.to_h { |name| [File.expand_path(name.split(" > ", 2).first), true] }
      super.select { |file| @muster_files.key?(File.expand_path(file)) }
    end
  end

  module Choice
    def prune(examples)
      kept = super
      WANTED.nil? ? kept : kept.select { |example| WANTED.key?(Muster.names[example]) }
    end
  end

  RSpec::Core::Configuration.prepend(Files)
  RSpec::Core::FilterManager.prepend(Choice)
end

class MusterFormatter
  RSpec::Core::Formatters.register self, :example_started, :example_finished, :message, :dump_summary

  def initialize(_output)
    @messages = []
  end

  def example_started(notification)
    name = Muster.names[notification.example]
    Muster::WANTED.nil? ? Muster::EVENTS.item(name) : Muster::EVENTS.started(name)
  end

  def example_finished(notification)
    return if Muster::WANTED.nil?
    example = notification.example
    result = example.execution_result
    details = {seconds: result.run_time}
    case result.status
    when :passed
      outcome = "passed"
    when :pending
      outcome = "skipped"
      details[:message] = result.pending_message.to_s
    else
      outcome = "failed"
      details.merge!(said_by(result))
    end
    Muster::EVENTS.finished(Muster.names[example], outcome, **details)
  end

  def said_by(result)
    return {message: "it was expected to fail, and passed"} if result.pending_fixed?
    error = result.exception
    errors = error.respond_to?(:all_exceptions) ? error.all_exceptions : [error]
    text = errors.map { |one| "#{one.class}: #{one.message}\n#{Array(one.backtrace).first(50).join("\n")}" }
    {message: errors.map { |one| one.message.to_s.strip }.join("\n"), output: text.join("\n\n")}
  end

  def message(notification)
    @messages << notification.message
  end

  def dump_summary(summary)
    Muster::EVENTS.listed if Muster::WANTED.nil?
    return if Muster::WANTED.nil? || summary.errors_outside_of_examples_count.zero?
    text = @messages.join("\n")
    Muster::EVENTS.outside(text.lines.map(&:strip).reject(&:empty?).first(4).join("\n"), text)
  end
end
